/**
 * What a process with a live device context must survive: leaving in the middle of a step, workers terminated in the
 * middle of steps, running out of memory, expandable segments. Each in a child process, judged by its exit status.
 * Run: echo '{"device": "cuda"}' | node --import tsx bench/gpu/checks/runtime.ts
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { addonPath } from '../../../lib/native/loader.ts'
import type { Emit } from '../record.ts'

const emit: Emit = (entry) => process.stdout.write(`${JSON.stringify(entry)}\n`)
const { device } = JSON.parse(readFileSync(0, 'utf8')) as { device: string }

interface Case {
  mode: string
  name: string
  status: number
  env?: Record<string, string>
}

const cases: Case[] = [
  { mode: 'exit', name: 'process.exit in the middle of steps', status: 7 },
  { mode: 'terminate', name: 'workers terminated in the middle of steps', status: 0 },
  { mode: 'oom', name: 'out of memory, then the same step gives the same loss', status: 0 },
  {
    mode: 'segments',
    name: 'expandable segments with growing and shrinking batches',
    status: 0,
    env: {
      PYTORCH_ALLOC_CONF: 'expandable_segments:True',
      PYTORCH_CUDA_ALLOC_CONF: 'expandable_segments:True',
    },
  },
]

const program = fileURLToPath(new URL('live-context.mjs', import.meta.url))
for (const { mode, name, status, env } of cases) {
  const start = process.hrtime.bigint()
  const child = spawnSync(process.execPath, [program, mode, device, addonPath()], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 180_000,
    killSignal: 'SIGKILL',
  })
  const ended = child.signal ? `ended by ${child.signal}` : `exit status ${child.status}`
  const words = child.stderr
    .trim()
    .split('\n')
    .findLast((line) => line.includes('Error:'))
  emit({
    stage: 'probe',
    name,
    ok: child.status === status && child.signal === null,
    figures: { seconds: Number(process.hrtime.bigint() - start) / 1e9 },
    note: [`expected exit status ${status}, ${ended}`, words?.trim()].filter(Boolean).join('; '),
  })
}
