/**
 * A reset by a program of the user: started without a shell in a process group of its own, which is killed as a
 * whole at the deadline, on abort and after a failure. What a program that succeeds leaves running (a server it
 * started) goes on.
 */
import { spawn } from 'node:child_process'
import { ResetError } from './errors.ts'
import { withDeadline } from './wait.ts'

export interface CommandHook {
  kind: 'command'
  /** Program and arguments: ["docker", "restart", "shopping"]. With `shell`, joined by spaces and run by /bin/sh. */
  argv: readonly string[]
  shell?: boolean
  cwd?: string
  /** Added to the process's own environment. */
  env?: Readonly<Record<string, string>>
  /** Default 600 000. */
  deadlineMs?: number
}

/** Characters of the program's last output that go into an error. */
const TAIL = 600
const LAST_WORDS_MS = 500

export async function runCommand(site: string, hook: CommandHook, signal?: AbortSignal): Promise<void> {
  const [program, ...args] = hook.argv
  if (!program)
    throw new ResetError(`the reset command of "${site}" is empty; give a program and its arguments`)
  const what = `the reset command of "${site}" (${program})`
  await withDeadline(
    what,
    hook.deadlineMs ?? 600_000,
    (stop) => runGroup(what, program, args, hook, stop),
    signal,
  )
}

function runGroup(
  what: string,
  program: string,
  args: readonly string[],
  hook: CommandHook,
  stop: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const [file, list] = hook.shell ? ['/bin/sh', ['-c', hook.argv.join(' ')]] : [program, args]
    const child = spawn(file, list, {
      ...(hook.cwd === undefined ? {} : { cwd: hook.cwd }),
      env: { ...process.env, ...hook.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let output = ''
    const keep = (chunk: string) => {
      output = (output + chunk).slice(-TAIL)
    }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    const killGroup = () => {
      if (child.pid === undefined) return
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        // nobody of the group is left
      }
    }
    const onStop = () => {
      killGroup()
      reject(stop.reason)
    }
    const settle = (error?: Error) => {
      stop.removeEventListener('abort', onStop)
      child.stdout.destroy()
      child.stderr.destroy()
      if (!error) return resolve()
      killGroup()
      reject(error)
    }
    stop.addEventListener('abort', onStop, { once: true })
    child.once('error', (cause) =>
      settle(new ResetError(`${what} could not be started: ${cause.message}`, { cause })),
    )
    child.once('exit', (code, killedBy) => {
      if (code === 0) return settle()
      const how = killedBy ? `was ended by ${killedBy}` : `ended with exit code ${code}`
      const fail = () => {
        clearTimeout(timer)
        const said = output.trim()
        settle(new ResetError(`${what} ${how}${said ? `: ${said}` : ''}`))
      }
      // Its last words are read until its pipes close; a child that keeps them open is not waited for.
      const timer = setTimeout(fail, LAST_WORDS_MS)
      child.once('close', fail)
    })
  })
}
