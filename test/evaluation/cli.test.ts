/** `mira eval` on suites: what it prints, what it refuses in one sentence, and with which exit code. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { main } from '../../lib/cli/main.ts'

const POLICY = fileURLToPath(new URL('./expert-policy.ts', import.meta.url))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-eval-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function evaluate(...args: string[]) {
  let [out, err] = ['', '']
  const code = await main(['eval', ...args], {
    out: {
      write: (text) => {
        out += text
      },
    },
    err: {
      write: (text) => {
        err += text
      },
    },
    engine: () => Promise.reject(new Error('no engine is needed here')),
    quit: () => {},
  })
  return { code, out, err }
}

test('a suite is played into a folder, gone on with and scored again', async () => {
  const directory = join(folder, 'x')
  const suite = ['--suite', 'embedded', '--policy', POLICY, '--episodes', '3', '--out', directory]
  const first = await evaluate(...suite, '--attempts', '2', '--seed', '7')
  expect([first.code, first.err]).toEqual([0, ''])
  expect(first.out).toMatch(/^folder \S+\n6 episodes\n/)
  expect(first.out).toMatch(/\n1\/6 {2}task shop\/\S+ {2}solved {2}\d+ steps, exit/)
  expect(first.out).toMatch(/\nall tasks +3 +100\.0% \[43\.9, 100\.0\] +6\/6 +100\.0% of 6\n/)
  expect(first.out).toMatch(/\npass@2 +3 +100\.0%\n/)
  for (const name of ['result.json', 'result.md', 'report.html'])
    expect(existsSync(join(directory, name))).toBe(true)
  expect(JSON.parse(readFileSync(join(directory, 'result.json'), 'utf8')).provenance).toMatchObject({
    seed: 7,
  })

  const again = await evaluate('--resume', directory, '--json')
  const events = again.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(events[0]).toEqual({ type: 'start', total: 6, done: 6 })
  expect(events.at(-1)).toMatchObject({ type: 'end', directory })
  const rescored = await evaluate('--rescore', directory, '--out', join(folder, 'y'))
  expect(rescored.out).toMatch(/\nall tasks +3 +100\.0%/)

  const occupied = await evaluate(...suite)
  expect([occupied.code, occupied.err]).toEqual([
    2,
    expect.stringMatching(/^error: --out: expected an empty folder/),
  ])
})

test('a policy module without a policy', async () => {
  const empty = join(folder, 'empty.mjs')
  writeFileSync(empty, 'export const other = 1\n')
  const { code, err } = await evaluate(
    '--suite',
    'embedded',
    '--policy',
    empty,
    '--episodes',
    '1',
    '--out',
    join(folder, 'z'),
  )
  expect([code, err]).toEqual([2, expect.stringMatching(/exports createPolicy.* exports other\n$/)])
})

test.each([
  [['--suite', 'embedded'], /expected --model .*, or --policy FILE/],
  [['--suite', 'webarena'], /Allowed choices are embedded, webarena-lite, webrl, miniwob/],
  [
    ['--suite', 'embedded', '--model', '/nowhere'],
    /--model: expected a run directory .*\/nowhere is none of them/,
  ],
  [
    ['--suite', 'webarena-lite', '--policy', POLICY],
    /evaluation\.tasks: expected the task file of webarena-lite/,
  ],
  [['--suite', 'embedded', '--policy', POLICY, '--set', 'agent.gramar=vab'], /did you mean agent\.grammar\?/],
  [
    ['--suite', 'embedded', '--policy', POLICY, '--episodes', '2', '--ids', 'shop/none#1'],
    /no task has the id "shop\/none#1"/,
  ],
  [['--suite', 'embedded', '--policy', POLICY, '--observation', 'axtree'], /received axtree; add --browser/],
  [['--retry-errors', '--suite', 'embedded', '--policy', POLICY], /--retry-errors: expected --resume DIR/],
  [['--resume', 'x', '--grammar', 'vab'], /--resume: expected no other settings .*received --grammar/],
  [['--resume', '/nowhere'], /expected the folder of an evaluation, \/nowhere has no evaluation\.json/],
  [
    ['--rescore', '/nowhere', '--attempts', '2'],
    /--rescore: expected no other settings .*received --attempts/,
  ],
  [['runs/x', '--suite', 'embedded'], /expected a run directory or --suite, received both/],
  [['runs/x', '--grammar', 'vab'], /with a run directory, received --grammar/],
])('%j is refused with exit code 2', async (args, sentence) => {
  const { code, out, err } = await evaluate(...args)
  expect([code, out]).toEqual([2, ''])
  expect(err).toMatch(sentence)
  expect(err.trim().split('\n').length).toBeLessThanOrEqual(2)
})
