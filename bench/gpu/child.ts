/**
 * Runs one job or check in a process of its own and passes on every entry it prints, when it prints it. One process
 * after another: allocators, CUDA contexts and peaks of the two sides never meet on the device.
 */
import { spawn } from 'node:child_process'
import { type Emit, parseLine } from './record.ts'

export interface Task {
  command: string
  args: string[]
  /** Written to its standard input as JSON. */
  input: unknown
  deadlineSeconds: number
  env?: NodeJS.ProcessEnv
}

/** Resolves with undefined, or with one sentence that says how it failed; what it had measured is kept. */
export async function runTask(task: Task, emit: Emit): Promise<string | undefined> {
  const child = spawn(task.command, task.args, {
    env: { ...process.env, ...task.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: task.deadlineSeconds * 1000,
    killSignal: 'SIGKILL',
  })
  let rest = ''
  let words = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const entry = parseLine(line)
      if (entry) emit(entry)
    }
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4000)
  })
  child.stdin.on('error', () => {}) // a process that died early says why on stderr
  child.stdin.end(JSON.stringify(task.input))
  const ended = await new Promise<{ code: number | null } | { error: Error }>((resolve) => {
    child.on('error', (error) => resolve({ error }))
    child.on('close', (code) => resolve({ code }))
  })
  const last = parseLine(rest)
  if (last) emit(last)
  if ('error' in ended) return `cannot start ${task.command}: ${ended.error.message}`
  if (ended.code === 0) return undefined
  const how = child.signalCode ? `was ended by ${child.signalCode}` : `ended with ${ended.code}`
  const limit = child.signalCode === 'SIGKILL' ? ` (its limit was ${task.deadlineSeconds} s)` : ''
  return `the process ${how}${limit}${lastSentence(words)}`
}

/** The error that a stack trace or a Python traceback ends or begins with. */
function lastSentence(words: string): string {
  const lines = words.trim().split('\n')
  const line = lines.findLast((text) => /^\w*(Error|Exception)\b.*:/.test(text.trim())) ?? lines.at(-1)
  return line ? `: ${line.trim().slice(0, 400)}` : ''
}
