/** Restarts after fatal device errors: how often, with which exit code, and what a Ctrl-C does; real child processes. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeError, EXIT, exitCodeOf } from '../../lib/cli/exit.ts'
import { supervise } from '../../lib/cli/supervise.ts'

const mortal = fileURLToPath(new URL('./children/mortal.mjs', import.meta.url))
let folder: string
let log: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-supervise-'))
  log = join(folder, 'log')
})
afterEach(() => rmSync(folder, { recursive: true }))

async function watch(codes: string, pause = 1) {
  const told: string[] = []
  const attempts: number[] = []
  const code = await supervise({
    start: (attempt) => {
      attempts.push(attempt)
      return spawn(process.execPath, [mortal, log, codes], { stdio: 'ignore', detached: true })
    },
    tell: (message) => told.push(message),
    pause,
  })
  return { code, told, attempts }
}

async function waitFor(line: string): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!existsSync(log) || !readFileSync(log, 'utf8').includes(line)) {
    if (Date.now() > deadline) throw new Error(`expected "${line}" in the log of the child within 20 s`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('exit codes are the child’s', () => {
  test.each([
    ['0', 0],
    ['1', 1],
    ['2', 2],
    ['4', 4],
    ['crash', 134],
  ])('%s', async (codes, expected) => {
    expect(await watch(codes)).toEqual({ code: expected, told: [], attempts: [0] })
  })
})

test('a lost device is followed by a restart, and says so', async () => {
  const { code, told, attempts } = await watch('5,5,0')
  expect([code, attempts]).toEqual([0, [0, 1, 2]])
  expect(told).toEqual([
    expect.stringMatching(/starting it again from the last checkpoint .*\(1 of 3\)/),
    expect.stringMatching(/\(2 of 3\)/),
  ])
})

test('three restarts at most', async () => {
  const { code, told, attempts } = await watch('5,5,5,5,0')
  expect([code, attempts]).toEqual([EXIT.device, [0, 1, 2, 3]])
  expect(told.at(-1)).toMatch(/failed again after 3 restarts/)
})

test('Ctrl-C reaches the child once, and nothing is restarted', async () => {
  const before = process.listenerCount('SIGINT')
  const watching = watch('wait,0')
  await waitFor('ready')
  process.emit('SIGINT')
  expect((await watching).code).toBe(EXIT.interrupted)
  expect(readFileSync(log, 'utf8')).toBe('start\nready\nSIGINT\n')
  expect(process.listenerCount('SIGINT')).toBe(before)
})

test('Ctrl-C during the pause ends it at once', async () => {
  const told = watch('5,0', 60_000)
  await waitFor('start')
  // The child is gone a moment later; the pause is long.
  await new Promise((resolve) => setTimeout(resolve, 1000))
  process.emit('SIGINT')
  expect(await told).toMatchObject({ code: EXIT.interrupted, attempts: [0] })
})

test('a fatal device error has an exit code of its own', () => {
  const fatal = Object.assign(new Error('an illegal memory access was encountered'), {
    code: 'ERR_CUDA_FATAL',
  })
  expect(exitCodeOf(fatal)).toBe(EXIT.device)
  expect(describeError(fatal, false)).toContain('illegal memory access')
  expect(new Set(Object.values(EXIT)).size).toBe(Object.keys(EXIT).length)
})
