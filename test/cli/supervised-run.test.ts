/** A whole tiny run under supervision, as on a GPU: two processes, one run directory, Ctrl-C on the outer one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-supervised-'))
  writeFileSync(
    join(folder, 'tiny.yaml'),
    `model:
  architecture: { hidden: 32, layers: 2, heads: 2, headDim: 16, intermediate: 64, layerTypes: [sliding_attention, full_attention] }
suite: { templates: [shop/add-to-cart, map/set-home] }
agent: { horizon: 3, maxActionTokens: 8, concurrency: 4 }
imitation: { demonstrations: 400 }
critics: { pretrainRollouts: 2, pretrainEpochs: 1 }
phases: { count: 0 }
evaluation: { episodes: 2, validationEpisodes: 2, novelEpisodes: 0 }
run: { supervise: true, threads: 1 }
`,
  )
})
afterEach(() => rmSync(folder, { recursive: true }))

function start(args: string[]): { child: ChildProcess; output: () => string; code: Promise<number | null> } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'lib/cli/main.ts', 'train', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout?.on('data', (text: Buffer) => {
    output += text.toString()
  })
  child.stderr?.on('data', (text: Buffer) => {
    output += text.toString()
  })
  const code = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { child, output: () => output, code }
}

test('interrupted through the outer process, resumed, completed', async () => {
  const run = join(folder, 'run')
  const first = start(['--config', join(folder, 'tiny.yaml'), '--out', run])
  const deadline = Date.now() + 60_000
  while (!first.output().includes('| imitation')) {
    if (Date.now() > deadline) throw new Error(`expected imitation to begin within 60 s:\n${first.output()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  first.child.kill('SIGINT')
  expect(await first.code).toBe(4)
  // Once: a signal that arrived twice would have ended the trainer without this.
  expect(first.output()).toContain('stopping after this step')
  expect(first.output()).toContain(`go on with: npm run train -- --resume ${run}`)
  const second = start(['--resume', run])
  expect(await second.code).toBe(0)
  expect(second.output()).toContain('report')
  expect(JSON.parse(readFileSync(join(run, 'state.json'), 'utf8'))).toMatchObject({
    completedPhase: 0,
    finished: true,
  })
}, 180_000)
