// Runs a program to its end or to its deadline and collects what it said. Throws only for programming errors:
// a missing program, a bad exit and a timeout are results.
import { spawn } from 'node:child_process'

// Whoever ends this process ends what it started.
const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, deadlineMs: number, input?: string,
 *   onChunk?: (text: string) => void, keepWaiting?: () => boolean, idleMs?: number }} options
 *   deadlineMs bounds the whole run; with idleMs the run also ends when for so long it neither wrote anything
 *   nor `keepWaiting` (asked every second) reported movement.
 * @returns {Promise<{ code: number | null, signal: string | null, missing: boolean, timedOut: boolean,
 *   stdout: string, output: string }>} output is stdout and stderr together, in order of arrival
 */
export function run(command, args, options) {
  return new Promise((done) => {
    const result = { code: null, signal: null, missing: false, timedOut: false, stdout: '', output: '' }
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    running.add(child)
    const stop = () => {
      result.timedOut = true
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), 2000).unref()
    }
    const deadline = setTimeout(stop, options.deadlineMs)
    let lastMove = Date.now()
    const watch = options.idleMs
      ? setInterval(() => {
          if (options.keepWaiting?.()) lastMove = Date.now()
          if (Date.now() - lastMove > options.idleMs) stop()
        }, 1000)
      : undefined
    const finish = () => {
      running.delete(child)
      clearTimeout(deadline)
      clearInterval(watch)
      done(result)
    }
    const take = (chunk) => {
      lastMove = Date.now()
      result.output += chunk
      options.onChunk?.(chunk)
    }
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      result.stdout += chunk
      take(chunk)
    })
    child.stderr.setEncoding('utf8').on('data', take)
    if (options.input !== undefined) child.stdin.on('error', () => {}).end(options.input)
    child.on('error', (error) => {
      result.missing = error.code === 'ENOENT' || error.code === 'EACCES'
      result.output += error.message
      finish()
    })
    child.on('close', (code, signal) => {
      result.code = code
      result.signal = signal
      finish()
    })
  })
}

export function lastLines(text, count) {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
