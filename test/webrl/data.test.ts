/** Traces, policy rows and conversations: the published stages to the letter, round trips, and what is refused. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type JsonItem, jsonObjects } from '../../lib/webrl/json-objects.ts'
import { ormInstruction } from '../../lib/webrl/orm-prompt.ts'
import { pairOfRow, pairsOfTrace } from '../../lib/webrl/pairs.ts'
import {
  type PolicyRow,
  readRows,
  readTrajectories,
  rowsOfTrace,
  traceOfRows,
} from '../../lib/webrl/policy-rows.ts'
import { writeJsonLines } from '../../lib/webrl/records.ts'
import { type Conversation, ormItem, partsOfTrace, readConversationPairs } from '../../lib/webrl/sft.ts'
import {
  type ActionsFile,
  type FixedStep,
  fixTrace,
  readActions,
  readFixedTrace,
  readResults,
  readTrace,
  type TraceStep,
  writeResult,
} from '../../lib/webrl/trace.ts'
import { monteCarloReturns } from '../../lib/webrl/replay.ts'
import { golden } from './fixtures.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-webrl-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = []
  for await (const item of items) out.push(item)
  return out
}

interface Process {
  input_trace: TraceStep[]
  input_actions_file: ActionsFile
  fixed_traces: FixedStep[]
  orm_item: Conversation[]
  policy_data: PolicyRow[][]
  mc_returns_gamma_0_9: number[][]
  mc_examples: { rewards: number[]; gamma: number; mc: number[] }[]
}

const fixture = golden<Process>('webrl_process_data')

describe.skipIf(!fixture)('published stages (skipped without ../shared/webarena)', () => {
  const own = fixture as Process
  test('trace and score, joined', () => {
    const fixed = fixTrace(own.input_trace, own.input_actions_file.score)
    expect(fixed).toEqual(own.fixed_traces)
    expect(fixed.map((step) => step.response)).toEqual(own.input_actions_file.actions)
  })
  test('policy rows, their returns, and the trace behind them', () => {
    const rows = rowsOfTrace(own.fixed_traces, { strict: true })
    expect([rows]).toEqual(own.policy_data)
    expect(traceOfRows(rows, own.fixed_traces[0]?.trace_id ?? 0)).toEqual(own.fixed_traces)
    for (const [i, trajectory] of own.policy_data.entries()) {
      const returns = monteCarloReturns(trajectory.map((row) => row.reward))
      for (const [t, value] of returns.entries())
        expect(value).toBeCloseTo(own.mc_returns_gamma_0_9[i]?.[t] as number, 6)
    }
  })
  test('outcome item', () => {
    const [item] = own.orm_item
    expect([ormItem(own.fixed_traces, item?.system ?? '')]).toEqual(own.orm_item)
    expect(ormInstruction(partsOfTrace(own.fixed_traces))).toBe(item?.conversations[0]?.value)
  })
  test('returns', () => {
    for (const { rewards, gamma, mc } of own.mc_examples) {
      const returns = monteCarloReturns(rewards, gamma)
      expect(returns).toHaveLength(mc.length)
      for (const [t, value] of returns.entries()) expect(value).toBeCloseTo(mc[t] as number, 6)
    }
  })
})

const steps = (replies: string[], score = 1, id: number | string = 7): FixedStep[] =>
  replies.map((response, index) => ({
    trace_id: id,
    index,
    prompt: index === 0 ? 'Find X' : '** Simplified html **',
    html: `<html> ${index} </html>`,
    response,
    target: 'Find X',
    fixed_response: response,
    score,
  }))

describe('the rules of the stages', () => {
  test('the score of the last line counts, from one half on for rows, above it for items', () => {
    const half = steps(['a', 'b'], 0.5)
    expect(rowsOfTrace(half).map((row) => row.trajectory_reward)).toEqual([1, 1])
    expect(ormItem(half, 's').conversations[1]?.value).toBe('NO')
    const never = steps(['a', 'b'], -0.1)
    expect(rowsOfTrace(never).map((row) => [row.reward, row.trajectory_reward, row.done])).toEqual([
      [-0.1, 0, false],
      [-0.1, 0, true],
    ])
    expect(ormItem(steps(['a'], 0.51), 's').conversations[1]?.value).toBe('YES')
  })
  test('outcome items put an action on a line and take white space off', () => {
    const parts = { intent: ' Find X\n', replies: [' # a\n do()  ', 'x\n', ''], page: '\n <p> \n' }
    expect(ormInstruction(parts)).toBe(
      'The User Intent:\nFind X\n\nAction History:\n# a;  do()\nx;\n\n\nThe Current Screenshot:\n<p>',
    )
  })
  test('pairs: one per action, stopped rows left out, history raw', () => {
    const pairs = pairsOfTrace(steps(['# n\na', 'b', '']))
    expect(pairs.map(({ history, reply }) => [history, reply])).toEqual([
      [[], '# n\na'],
      [['# n\na'], 'b'],
    ])
    const rows = rowsOfTrace(steps(['# n\na', 'b']))
    expect(rows.map((row) => pairOfRow(row, 'here'))).toEqual(pairs)
    expect(() => pairOfRow({ ...(rows[0] as PolicyRow), observation: 'Hello' }, 'rows.jsonl line 3')).toThrow(
      /^rows\.jsonl line 3: expected a WebRL completion prompt .* received "Hello"/,
    )
  })
})

describe('round trips', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 30 })
  const trace = fc
    .tuple(text, fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 }), fc.constantFrom(0, 1, -0.1))
    .map(([target, turns, score]) =>
      turns.map(
        ([html, response], index): FixedStep => ({
          trace_id: 'a.1',
          index,
          prompt: index === 0 ? target : '** Simplified html **',
          html,
          response,
          target,
          fixed_response: response,
          score,
        }),
      ),
    )
  test('a results folder, any text', async () => {
    let number = 0
    await fc.assert(
      fc.asyncProperty(trace, async (own) => {
        const at = join(folder, `results-${number++}`)
        await writeResult(at, { id: 'a.1', steps: own })
        expect(await all(readResults(at))).toEqual([{ id: 'a.1', steps: own }])
        rmSync(join(at, 'fixed_traces'), { recursive: true })
        expect(await all(readResults(at))).toEqual([{ id: 'a.1', steps: own }])
      }),
      { numRuns: 25 },
    )
  })
  test('policy rows through a file and back into traces', async () => {
    const plain = trace.filter((own) => !own.some((step) => /<\||Round \d/.test(JSON.stringify(step))))
    await fc.assert(
      fc.asyncProperty(fc.array(plain, { maxLength: 3 }), fc.boolean(), async (traces, strict) => {
        const path = join(folder, 'rows.jsonl')
        const trajectories = traces.map((own) => rowsOfTrace(own, { strict }))
        await writeJsonLines(path, trajectories.flat())
        expect(await all(readTrajectories(path))).toEqual(trajectories)
        expect(trajectories.map((rows) => traceOfRows(rows, 'a.1'))).toEqual(traces)
      }),
      { numRuns: 25 },
    )
  })
  test('rows one a line, one array per trajectory, one document, and pretty-printed are the same rows', async () => {
    const trajectories = [rowsOfTrace(steps(['a', 'b'])), rowsOfTrace(steps(['c'], 0))]
    const forms = [
      trajectories
        .flat()
        .map((row) => JSON.stringify(row))
        .join('\n'),
      trajectories.map((rows) => JSON.stringify(rows)).join('\r\n'),
      JSON.stringify(trajectories),
      `\ufeff${JSON.stringify(trajectories, null, 2)}\n`,
    ]
    for (const [i, form] of forms.entries()) {
      const path = file(`form-${i}.jsonl`, form)
      expect(await all(readTrajectories(path))).toEqual(trajectories)
      expect(await all(readRows(path))).toEqual(trajectories.flat())
    }
  })
  test('conversations become the pairs they were made of, array or lines, with or without the end token', async () => {
    const rows = rowsOfTrace(steps(['# n\na', 'b']))
    const own = rows.map((row) => ({
      conversations: [
        { from: 'human', value: row.observation },
        { from: 'gpt', value: `${row.action}<|eot_id|>` },
      ],
    }))
    const pairs = rows.map((row) => pairOfRow(row, 'here'))
    expect(await all(readConversationPairs(file('sft.json', JSON.stringify(own, null, 1))))).toEqual(pairs)
    expect(
      await all(readConversationPairs(file('sft.jsonl', own.map((x) => JSON.stringify(x)).join('\n')))),
    ).toEqual(pairs)
  })
})

describe('what is wrong is said with its line', () => {
  const row = JSON.stringify(rowsOfTrace(steps(['a']))[0])
  test.each([
    ['torn', `${row}\n{"observation": "x`, /torn\.jsonl line 2: expected the object that begins here to end/],
    ['text', `${row}\nhello\n`, /text\.jsonl line 2: expected an object, received "hello"/],
    ['broken', `${row}\n{"a": tru}\n`, /broken\.jsonl line 2: expected a JSON object, it cannot be read/],
    ['open', `[${row}`, /open\.jsonl line 1: expected the array to end/],
    ['comma', `[${row} ${row}]`, /comma\.jsonl line 1: expected , or \], received "\{"/],
    ['bracket', `${row}]`, /bracket\.jsonl line 1: expected an object, received "\]"/],
    [
      'keys',
      `\n${row.replace('"reward":1', '"reward":"1"')}`,
      /keys\.jsonl line 2: expected a policy row, field reward/,
    ],
    [
      'undone',
      row.replace('"done":true', '"done":false'),
      /line 1: expected the trajectory .* the file ends without/,
    ],
  ])('%s', async (name, text, sentence) => {
    await expect(all(readTrajectories(file(`${name}.jsonl`, text)))).rejects.toThrow(sentence)
  })
  test('a trajectory that ends with its array, or with another task, but without done', async () => {
    const [first, second] = rowsOfTrace(steps(['a', 'b'])) as [PolicyRow, PolicyRow]
    await expect(all(readTrajectories(file('a.jsonl', `[${JSON.stringify(first)}]\n[]`)))).rejects.toThrow(
      /a\.jsonl line 1: expected the trajectory that begins in line 1 to end with done/,
    )
    const mixed = [first, { ...second, task: 'other' }].map((own) => JSON.stringify(own)).join('\n')
    await expect(all(readTrajectories(file('b.jsonl', mixed)))).rejects.toThrow(/b\.jsonl line 2/)
    expect(await all(readRows(file('c.jsonl', mixed)))).toHaveLength(2)
  })
  test('two runs in one trace, a trace without a score, a folder that is none', async () => {
    const bare = steps(['a', 'b']).map(({ fixed_response, score, ...own }) => own)
    const twice = [...bare, ...bare].map((own) => JSON.stringify(own)).join('\n')
    await expect(readTrace(file('twice.jsonl', twice))).rejects.toThrow(
      /twice\.jsonl line 3: expected step 2 of "Find X", received step 0 of "Find X"; keep one run/,
    )
    await expect(readFixedTrace(file('bare.jsonl', JSON.stringify(bare[0])))).rejects.toThrow(
      /bare\.jsonl line 1: expected a line of a fixed trace, field fixed_response/,
    )
    const at = join(folder, 'unscored')
    await writeJsonLines(join(at, 'traces', '3.jsonl'), bare)
    await expect(all(readResults(at))).rejects.toThrow(/expected its score in .*actions.*3\.json/)
    await expect(all(readResults(folder))).rejects.toThrow(/expected traces or fixed_traces/)
    await expect(readActions(file('actions.json', '{"task_id": 3}'))).rejects.toThrow(/field score/)
  })
  test('a conversation of other turns', async () => {
    const turns = [
      { from: 'human', value: 'a' },
      { from: 'gpt', value: 'b' },
      { from: 'human', value: 'c' },
    ]
    await expect(
      all(readConversationPairs(file('turns.json', JSON.stringify([{ conversations: turns }])))),
    ).rejects.toThrow(
      /turns\.json line 1: expected one human prompt and one gpt action, received human, gpt, human/,
    )
  })
  test('a pickle is refused in either form, a missing file and a folder are named', async () => {
    const refused = { code: 'ERR_WEBRL_PICKLE', message: expect.stringContaining('docs/webrl-data.md') }
    const zip = join(folder, 'sft.pt')
    writeFileSync(zip, Buffer.from([0x50, 0x4b, 3, 4, 0, 0]))
    await expect(all(readTrajectories(zip))).rejects.toMatchObject(refused)
    writeFileSync(zip, Buffer.from([0x80, 2, 0x8a, 0x0a]))
    await expect(all(readTrajectories(zip))).rejects.toMatchObject(refused)
    const missing = { code: 'ERR_WEBRL_MISSING' }
    await expect(all(readRows(join(folder, 'none')))).rejects.toMatchObject(missing)
    await expect(all(readRows(folder))).rejects.toMatchObject(missing)
  })
})

describe('objects out of a stream', () => {
  test('arrays only group, objects come as JSON.parse reads them, wherever chunks end', async () => {
    const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(fc.array(objects, { maxLength: 3 }), fc.nat(2), async (groups, indent) => {
        const found = await all(jsonObjects(file('any.json', JSON.stringify(groups, null, indent))))
        const values = found.filter((item): item is JsonItem & { kind: 'object' } => item.kind === 'object')
        expect(values.map((item) => item.value)).toEqual(JSON.parse(JSON.stringify(groups.flat())))
        expect(found.filter((item) => item.kind === 'end' && item.depth === 1)).toHaveLength(groups.length)
      }),
      { numRuns: 50 },
    )
  })
  test('an object larger than any chunk, with a letter on every border', async () => {
    const values = Array.from({ length: 40 }, (_, i) => ({ i, html: 'é😀"\\'.repeat(20_000 + i) }))
    const path = join(folder, 'large.jsonl')
    expect(await writeJsonLines(path, values)).toBe(40)
    let next = 0
    for await (const item of jsonObjects(path)) {
      expect(item.line).toBe(next + 1)
      if (item.kind === 'object')
        expect(JSON.stringify(item.value) === JSON.stringify(values[next++])).toBe(true)
    }
    expect(next).toBe(40)
  })
  test('a file appears whole or not at all', async () => {
    async function* failing() {
      yield { a: 1 }
      throw new Error('the source broke')
    }
    const path = join(folder, 'half.jsonl')
    await expect(writeJsonLines(path, failing())).rejects.toThrow('the source broke')
    expect(() => readFileSync(path)).toThrow()
    expect(() => readFileSync(`${path}.partial`)).toThrow()
  })
})
