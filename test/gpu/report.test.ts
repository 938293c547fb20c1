// Entry files, verdicts on the targets and the page of a GPU run, from entries made by hand; a child process that
// dies keeps what it had said.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runTask } from '../../bench/gpu/child.ts'
import { NAMES } from '../../bench/gpu/jobs.ts'
import { mismatch } from '../../bench/gpu/ours/mismatch.ts'
import { type Entry, entrySchema, parseLine, readEntries, recorder } from '../../bench/gpu/record.ts'
import { hostOf, page, slug } from '../../bench/gpu/report.ts'
import { judge, TARGETS } from '../../bench/gpu/targets.ts'

const folder = mkdtempSync(join(tmpdir(), 'mira-gpu-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const entry = (fields: object): Entry => entrySchema.parse({ stage: 'bench', ...fields })
const machine = entry({
  stage: 'host',
  name: 'machine',
  figures: { unixSeconds: 1_800_000_000 },
  note: 'NVIDIA H200; driver 580.1; LibTorch 2.11.0',
})
const shape = entry({ stage: 'host', name: 'shape', figures: { whole12b: 1 }, note: 'Gemma3-12b' })
const rate = (name: string, side: 'mira' | 'hf', tokensPerSecond: number, more: object = {}) =>
  entry({ name, side, figures: { tokensPerSecond }, ...more })

describe('entries', () => {
  test('what is recorded is read back; a later entry of one name replaces the earlier', () => {
    const path = join(folder, 'a', 'entries.jsonl')
    const mirror = mkdtempSync(join(folder, 'mirror-'))
    const emit = recorder(path, mirror)
    emit({ stage: 'bench', name: 'x', side: 'mira', figures: { a: 1 } })
    emit({ stage: 'bench', name: 'x', side: 'hf', figures: { a: 2 } })
    emit({ stage: 'bench', name: 'x', side: 'mira', figures: { a: 3 } })
    expect(readEntries([path]).map(({ side, figures }) => [side, figures.a])).toEqual([
      ['mira', 3],
      ['hf', 2],
    ])
    expect(readFileSync(join(mirror, 'entries.jsonl'), 'utf8')).toBe(readFileSync(path, 'utf8'))
  })

  test('chatter, half a line and surplus fields are no entries', () => {
    for (const line of [
      '',
      'Loading weights',
      '{"stage":"bench"',
      '{"stage":"bench","name":"x","surprise":1}',
    ])
      expect(parseLine(line)).toBeUndefined()
    expect(parseLine('{"stage":"probe","name":"x","ok":true}')).toMatchObject({ ok: true, figures: {} })
  })

  test('a file that is missing or cut off in the middle of a line gives what it has', () => {
    const path = join(folder, 'cut.jsonl')
    writeFileSync(path, '{"stage":"bench","name":"x","figures":{"a":1}}\n{"stage":"bench","na')
    expect(readEntries([path, join(folder, 'none.jsonl')])).toHaveLength(1)
  })
})

describe('targets', () => {
  const name = NAMES.train('full', 4096)
  const verdicts = (entries: Entry[], comparable = true) =>
    judge(entries, comparable)
      .filter(({ target }) => target.name === name)
      .map(({ verdict, value }) => [verdict, value])

  test('a rate and its ratio are judged apart', () => {
    expect(verdicts([rate(name, 'mira', 6100), rate(name, 'hf', 5500)])).toEqual([
      ['met', 6100],
      ['missed', 6100 / 5500],
    ])
  })
  test('nothing is judged without the other side, from another shape, or from a failed measurement', () => {
    expect(verdicts([rate(name, 'mira', 7000)])).toEqual([
      ['met', 7000],
      ['unmeasured', undefined],
    ])
    expect(verdicts([rate(name, 'mira', 7000)], false).map(([verdict]) => verdict)).toEqual([
      'unmeasured',
      'unmeasured',
    ])
    expect(verdicts([rate(name, 'mira', 7000, { failed: 'out of memory' })])[0]).toEqual([
      'unmeasured',
      undefined,
    ])
  })
  test('exact mode is met by zero alone', () => {
    const exact = (largestDifference: number) =>
      judge([entry({ name: NAMES.mismatchExact, side: 'mira', figures: { largestDifference } })], true).find(
        ({ target }) => target.name === NAMES.mismatchExact,
      )?.verdict
    expect(exact(0)).toBe('met')
    expect(exact(1e-12)).toBe('missed')
  })
  test('every figure that is promised has a target', () => {
    expect(TARGETS).toHaveLength(13)
  })
})

describe('page', () => {
  const name = NAMES.decode(32, 8192)
  const profile = [{ name: 'gemm|kernel', seconds: 0.25, calls: 48 }]
  const entries = [machine, shape, rate(name, 'mira', 1900, { profile }), rate(name, 'hf', 190)]

  test('names the machine, the verdicts, the ratio, and the kernels of what was missed', () => {
    const text = page(entries)
    expect(text).toContain('# GPU path, NVIDIA H200, 2027-01-15')
    expect(text).toContain('| decode, batch 32 at 8k, tokens/s | at least 2,000 | 1,900 | missed |')
    expect(text).toContain('| decode, batch 32 at 8k, beside HF generate | at least 5 | 10x | met |')
    expect(text).toContain('10.00x')
    expect(text).toContain('| `gemm\\|kernel` | 250 | 48 |')
    expect(text).not.toContain('NaN')
  })
  test('MFU stands beside training rates where the card is known, with its formula', () => {
    const figures = { tokensPerSecond: 6100, modelFlopsPerSecond: 494.7e12 }
    const training = entry({ name: NAMES.train('full', 4096), side: 'mira', figures })
    expect(page([machine, shape, training])).toContain('MFU 50.0%')
    const unknown = entry({ ...machine, note: 'some card' })
    expect(page([unknown, shape, training])).not.toMatch(/MFU \d/)
  })
  test('another card or fewer layers leave every target unmeasured', () => {
    const cut = entry({ stage: 'host', name: 'shape', figures: { whole12b: 0 }, note: 'cut' })
    for (const others of [
      [machine, cut],
      [entry({ ...machine, note: 'NVIDIA A100' }), shape],
    ]) {
      const table = page([...others, ...entries.slice(2)])
      expect(table).not.toMatch(/\| (met|missed) \|/)
    }
  })
  test('red checks are counted and shown', () => {
    const text = page([
      machine,
      entry({ stage: 'probe', name: 'a', ok: true }),
      entry({ stage: 'correctness', name: 'b', ok: false, note: 'why' }),
    ])
    expect(text).toContain('1 of 2 green')
    expect(text).toContain('| b | **red** | – | why |')
  })
  test('one file per card and day', () => {
    expect(slug(hostOf(entries))).toBe('nvidia-h200-2027-01-15')
  })
})

describe('a child process', () => {
  const task = (code: string, deadlineSeconds = 30) => ({
    command: process.execPath,
    args: ['-e', code],
    input: { a: 1 },
    deadlineSeconds,
  })
  const collect = async (code: string, deadlineSeconds?: number) => {
    const seen: string[] = []
    const failed = await runTask(task(code, deadlineSeconds), ({ name }) => seen.push(name))
    return { seen, failed }
  }
  const line = (name: string) => `console.log(JSON.stringify({ stage: 'bench', name: '${name}' }))`

  test('is given its input and passes on what it prints', async () => {
    const code = `const { a } = JSON.parse(require('fs').readFileSync(0)); console.log('noise'); ${line('one')}; process.exit(a - 1)`
    expect(await collect(code)).toEqual({ seen: ['one'], failed: undefined })
  })
  test('keeps what it said before it died, and the error in a sentence', async () => {
    const { seen, failed } = await collect(`${line('kept')}; throw new TypeError('broken on purpose')`)
    expect(seen).toEqual(['kept'])
    expect(failed).toMatch(/ended with 1: TypeError: broken on purpose/)
  })
  test('is ended at its limit', async () => {
    const { seen, failed } = await collect(`${line('kept')}; setInterval(() => {}, 1000)`, 2)
    expect(seen).toEqual(['kept'])
    expect(failed).toMatch(/SIGKILL \(its limit was 2 s\)/)
  })
  test('that cannot be started is a failure, no exception', async () => {
    const failed = await runTask({ ...task(''), command: join(folder, 'no-such-program') }, () => {})
    expect(failed).toMatch(/cannot start .*no-such-program/)
  })
})

test('mismatch is zero for equal log-probabilities and the k3 estimate else', () => {
  expect(mismatch([-1, -2], [-1, -2])).toEqual({ kl: 0, largestDifference: 0, tokens: 2 })
  const { kl, largestDifference } = mismatch([-1, -2], [-1.5, -1.9])
  expect(kl).toBeCloseTo((Math.exp(-0.5) - 1 + 0.5 + Math.exp(0.1) - 1 - 0.1) / 2, 12)
  expect(largestDifference).toBeCloseTo(0.5, 12)
})
