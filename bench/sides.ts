/**
 * Starts one side of a suite in a process of its own and reads its measurement. A process per measurement keeps
 * allocators, thread pools and peak memory of the two sides apart.
 */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { EMBEDDED_SHAPE, type Measurement, type Suite, THREADS } from './workload.ts'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Longest a single measurement may take; a suite takes seconds on an idle machine. */
const DEADLINE_SECONDS = 600

export interface Python {
  path: string
  torch: string
  transformers: string
}

/** MIRA_BENCH_PYTHON or python3, when it has torch and a transformers that knows Gemma3. */
export function findPython(env: NodeJS.ProcessEnv = process.env): Python | undefined {
  const path = env.MIRA_BENCH_PYTHON || 'python3'
  const probe =
    'import torch, transformers as t; t.Gemma3ForCausalLM; print(torch.__version__, t.__version__)'
  const { status, stdout } = spawnSync(path, ['-c', probe], { encoding: 'utf8', timeout: 120_000 })
  const [torch, transformers] = (stdout ?? '').trim().split(' ')
  return status === 0 && torch && transformers ? { path, torch, transformers } : undefined
}

export function measureOurs(suite: Suite): Promise<Measurement> {
  return measure(process.execPath, ['--import', 'tsx', here('ours.ts')], suite, 'mira')
}

export function measureHuggingFace(
  python: Python,
  suite: Suite,
  variant: 'eager' | 'sdpa',
): Promise<Measurement> {
  return measure(python.path, [here('hf_reference.py')], suite, variant)
}

/** @throws Error with the last words of a process that failed or overran its deadline */
async function measure(command: string, args: string[], suite: Suite, variant: string): Promise<Measurement> {
  const child = spawn(command, args, {
    env: { ...process.env, OMP_NUM_THREADS: String(THREADS), MKL_NUM_THREADS: String(THREADS) },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: DEADLINE_SECONDS * 1000,
    killSignal: 'SIGKILL',
  })
  let out = ''
  let words = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    words = (words + text).slice(-2000)
  })
  child.stdin.on('error', () => {}) // a process that died early says why on stderr
  child.stdin.end(JSON.stringify({ shape: EMBEDDED_SHAPE, threads: THREADS, suite, variant }))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const line = out.trim().split('\n').at(-1) ?? ''
  if (code !== 0 || !line.startsWith('{')) {
    const reason = code === null ? `was stopped after ${DEADLINE_SECONDS} s` : `ended with ${code}`
    throw new Error(`${suite.name}, ${variant}: the process ${reason}\n${words.trim()}`)
  }
  return JSON.parse(line) as Measurement
}
