/** One form into another, our own episodes included; the command that does it; pairs as token ids. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Episode } from '../../lib/agent/episode.ts'
import { PromptComposer } from '../../lib/agent/prompt.ts'
import type { Step } from '../../lib/agent/step.ts'
import { main } from '../../lib/cli/main.ts'
import { loadConfig } from '../../lib/config/load.ts'
import { EvaluationFolder } from '../../lib/evaluation/folder.ts'
import type { Provenance } from '../../lib/evaluation/provenance.ts'
import { RunDirectory } from '../../lib/run/directory.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { parseAction } from '../../lib/web/grammar.ts'
import { readSystemText } from '../../lib/webrl/agent-system.ts'
import { convert, readTraces, writeTraces } from '../../lib/webrl/convert.ts'
import { episodesToTraces } from '../../lib/webrl/episodes.ts'
import { readPairs } from '../../lib/webrl/imitation.ts'
import { describe as summarise } from '../../lib/webrl/info.ts'
import { ORM_SYSTEM, ormInstruction } from '../../lib/webrl/orm-prompt.ts'
import { ormPartsOf } from '../../lib/webrl/orm.ts'
import { encodePairs, pairsOfTrace } from '../../lib/webrl/pairs.ts'
import { readRows } from '../../lib/webrl/policy-rows.ts'
import { readConversationPairs } from '../../lib/webrl/sft.ts'
import type { ScoredTrace } from '../../lib/webrl/trace.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-convert-'))
})
afterEach(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = []
  for await (const item of items) out.push(item)
  return out
}

const task = (task_id: number, intent: string): Episode['task'] => ({
  sites: ['shop'],
  task_id,
  require_login: false,
  storage_state: null,
  start_url: 'http://shop/',
  geolocation: null,
  intent_template: '',
  instantiation_dict: {},
  intent,
  require_reset: false,
  intent_template_id: 0,
  eval: {
    eval_types: ['string_match'],
    reference_answers: { exact_match: 'x' },
    reference_url: '',
    program_html: [],
  },
})

function episode(task_id: number, replies: string[], score: number, over: Partial<Episode> = {}): Episode {
  return {
    id: `test-0-${task_id}`,
    task: task(task_id, `Find ${task_id}`),
    phase: 1,
    seed: 1n,
    temperature: 0,
    steps: replies.map(
      (actionText, i): Step => ({
        promptIds: Int32Array.of(1),
        actionIds: Int32Array.of(2),
        logprobs: Float32Array.of(-0.5),
        actionText,
        action: parseAction(actionText),
        url: 'http://shop/',
        pageText: `<p> ${i} </p>`,
        reached: new Uint8Array(),
      }),
    ),
    end: 'exit',
    judgement: { score, details: [] },
    seconds: 1,
    ...over,
  }
}

const played = [
  episode(3, ['# Note: a\ndo(action="Click", element="1")', 'exit(message="7")'], 1),
  episode(12, ['do(action="Wait")'], 0, { end: 'stuck' }),
  episode(20, ['exit(message="")'], 0, { judgement: { score: 0, details: [], unscorable: 'no judge' } }),
  episode(21, [], 0),
]

describe('our episodes as traces', () => {
  test('raw replies, pages, scores; -0.1 where nobody scored; none without steps', () => {
    const traces = episodesToTraces(played)
    expect(traces.map(({ id, steps }) => [id, steps.length, steps.at(-1)?.score])).toEqual([
      ['3', 2, 1],
      ['12', 1, 0],
      ['20', 1, -0.1],
    ])
    expect(traces[0]?.steps[1]).toEqual({
      trace_id: 3,
      index: 1,
      prompt: '** Simplified html **',
      html: '<p> 1 </p>',
      response: 'exit(message="7")',
      target: 'Find 3',
      fixed_response: 'exit(message="7")',
      score: 1,
    })
  })
  test('several episodes of one task are named by themselves', () => {
    const twice = [played[0], { ...played[0], id: 'test/0 b' }] as Episode[]
    expect(episodesToTraces(twice).map(({ id }) => id)).toEqual(['test-0-3', 'test_0_b'])
  })
})

describe('conversion', () => {
  const traces = episodesToTraces(played)

  test('a results folder, there and back, and what it is counted as', async () => {
    expect(await writeTraces(traces, 'results', at('r'), { unscored: true })).toEqual({
      records: 3,
      trajectories: 3,
      unscored: 0,
    })
    expect(await all(readTraces(at('r')))).toEqual(traces)
    expect(await summarise(at('r'))).toEqual({
      format: 'results',
      records: 4,
      trajectories: 3,
      successes: 1,
      tasks: 3,
      input: { min: 10, median: 10, max: 10 },
      output: { min: 16, median: 17, max: 41 },
    })
    expect(JSON.parse(readFileSync(at('r/actions/12.json'), 'utf8'))).toEqual({
      task_id: 12,
      score: 0,
      actions: ['do(action="Wait")'],
    })
    expect((await summarise(at('r/traces/3.jsonl'))).format).toBe('trace')
    expect(await summarise(at('r/fixed_traces/3.jsonl'))).toMatchObject({
      format: 'fixed-trace',
      successes: 1,
    })
  })
  test('rows: what nobody scored is left out unless asked for', async () => {
    expect(await writeTraces(traces, 'rows', at('rows.jsonl'))).toEqual({
      records: 3,
      trajectories: 2,
      unscored: 1,
    })
    expect(await summarise(at('rows.jsonl'))).toMatchObject({
      format: 'rows',
      records: 3,
      trajectories: 2,
      successes: 1,
      tasks: 2,
    })
    const kept = await writeTraces(traces, 'rows', at('all.json'), { unscored: true })
    expect(kept).toEqual({ records: 4, trajectories: 3, unscored: 0 })
    expect(JSON.parse(readFileSync(at('all.json'), 'utf8'))).toHaveLength(4)
    const back = await all(readTraces(at('all.json')))
    const bare = ({ steps }: ScoredTrace) => steps.map(({ trace_id, ...step }) => step)
    expect(back.map(bare)).toEqual(traces.map(bare))
  })
  test('rows to conversations keep their prompts, shortened ones too', async () => {
    const long = episodesToTraces([episode(1, ['a'.repeat(16_000), 'b'], 1)])
    await writeTraces(long, 'rows', at('strict.jsonl'), { strict: true })
    await convert(at('strict.jsonl'), 'sft', at('sft.json'))
    const rows = await all(readRows(at('strict.jsonl')))
    const conversations = JSON.parse(readFileSync(at('sft.json'), 'utf8'))
    expect(
      conversations.map((own: { conversations: { value: string }[] }) => own.conversations[0]?.value),
    ).toEqual(rows.map((row) => row.observation))
    expect(await convert(at('strict.jsonl'), 'rows', at('same.jsonl'))).toMatchObject({ records: 2 })
    expect(await all(readRows(at('same.jsonl')))).toEqual(rows)
  })
  test('demonstrations of successes, without the rows where an episode was stopped', async () => {
    const stopped = episodesToTraces([episode(5, ['do(action="Wait")', ''], 1)])
    const done = await writeTraces([...traces, ...stopped], 'sft', at('sft.jsonl'), { successes: true })
    expect(done).toEqual({ records: 3, trajectories: 2, unscored: 1 })
    const pairs = await all(readConversationPairs(at('sft.jsonl')))
    expect(pairs).toEqual([...traces.slice(0, 1), ...stopped].flatMap(({ steps }) => pairsOfTrace(steps)))
    expect(await summarise(at('sft.jsonl'))).toMatchObject({ format: 'sft', records: 3 })
    await expect(convert(at('sft.jsonl'), 'rows', at('x.jsonl'))).rejects.toThrow(
      /expected scored trajectories .* received sft, which has no scores/,
    )
  })
  test('outcome items ask what the judge asks', async () => {
    await writeTraces(traces, 'orm', at('orm.json'), { ormSystem: 'Judge.' })
    const items = JSON.parse(readFileSync(at('orm.json'), 'utf8'))
    expect(items).toHaveLength(2)
    const own = played[0] as Episode
    expect(items[0]).toEqual({
      conversations: [
        { from: 'human', value: ormInstruction(ormPartsOf(own.task.intent, own.steps)) },
        { from: 'gpt', value: 'YES' },
      ],
      system: 'Judge.',
    })
    expect(await summarise(at('orm.json'))).toMatchObject({ format: 'orm', records: 2, successes: 1 })
    await writeTraces(traces, 'orm', at('own.json'))
    expect(JSON.parse(readFileSync(at('own.json'), 'utf8'))[0].system).toBe(ORM_SYSTEM)
  })
  test('what is none of the forms', async () => {
    writeFileSync(at('tasks.jsonl'), '{"task": "x", "web": "cms"}\n')
    await expect(summarise(at('tasks.jsonl'))).rejects.toThrow(
      /line 1: expected a trace line .* keys task, web/,
    )
    writeFileSync(at('empty.jsonl'), '\n')
    await expect(summarise(at('empty.jsonl'))).rejects.toThrow(/expected at least one object/)
    await expect(summarise(at('none'))).rejects.toMatchObject({ code: 'ERR_WEBRL_MISSING' })
  })
})

test('demonstrations to imitate: the same pairs from every form, successes where there are scores', async () => {
  const traces = episodesToTraces(played)
  const pairs = traces.slice(0, 1).flatMap(({ steps }) => pairsOfTrace(steps))
  await writeTraces(traces, 'results', at('r'))
  await writeTraces(traces, 'rows', at('rows.jsonl'))
  await writeTraces(traces, 'sft', at('sft.json'), { successes: true })
  for (const name of ['r', 'rows.jsonl', 'sft.json', 'r/traces/3.jsonl', 'r/fixed_traces/3.jsonl'])
    expect(await all(readPairs(at(name)))).toEqual(pairs)
  expect(await all(readPairs(at('r/fixed_traces/12.jsonl')))).toEqual([])
  expect(await all(readPairs(at('r/traces/12.jsonl')))).toHaveLength(1)
  await writeTraces(traces, 'orm', at('orm.json'))
  await expect(all(readPairs(at('orm.json')))).rejects.toThrow(/received orm items, which hold no actions/)
})

describe('pairs as token ids', () => {
  const tokenizer = Tokenizer.load(fileURLToPath(new URL('../../lib/tokenizer/embedded', import.meta.url)))
  const { endOfTurn } = tokenizer.special

  test.each(['webrl', 'compact'] as const)(
    '%s: the prompts an episode would have composed',
    async (style) => {
      const [trace] = episodesToTraces(played)
      const pairs = pairsOfTrace(trace?.steps ?? [])
      const encoded = await all(encodePairs(pairs, tokenizer, { style, maxPromptTokens: 500 }))
      const composer = new PromptComposer(tokenizer, style, { maxPromptTokens: 500 })
      const reply = (text: string) => Int32Array.from([...tokenizer.encode(text), endOfTurn])
      const history: { actionIds: Int32Array; failed: boolean }[] = []
      for (const [i, { intent, pageText, reply: text }] of pairs.entries()) {
        expect(encoded[i]?.promptIds).toEqual(composer.compose({ intent, history, pageText }))
        expect(encoded[i]?.actionIds).toEqual(reply(text))
        history.push({ actionIds: reply(text), failed: false })
      }
    },
  )
})

describe('mira webrl', () => {
  async function mira(...args: string[]) {
    let [out, err] = ['', '']
    const write = (add: (text: string) => void) => ({ write: add })
    const code = await main(['webrl', ...args], {
      out: write((text) => {
        out += text
      }),
      err: write((text) => {
        err += text
      }),
    })
    return { code, out, err }
  }
  async function run() {
    const directory = await RunDirectory.create(loadConfig({ preset: 'smoke' }), { directory: at('run') })
    for (const own of played) directory.saveEpisode(own)
    directory.close()
    return at('run')
  }

  test('export, info, convert', async () => {
    const directory = await run()
    const rows = at('rows.jsonl')
    expect(await mira('export', directory, '--as', 'rows', '--out', rows)).toEqual({
      code: 0,
      out: `${rows}: 3 rows of 2 trajectories; 1 without a score left out\n`,
      err: '',
    })
    const { out } = await mira('info', rows)
    expect(out).toMatch(/^format {8}rows\n/)
    expect(out).toMatch(/input {9}\d+ to \d+ code points, median \d+\n/)
    expect(JSON.parse((await mira('info', rows, '--json')).out)).toEqual(await summarise(rows))
    const converted = await mira('convert', rows, '--as', 'results', '--out', at('results'), '--successes')
    expect(converted).toMatchObject({ code: 0, err: '' })
    expect(existsSync(at('results/fixed_traces/0.jsonl'))).toBe(true)
  })
  test('the episodes of an evaluation, without what the environment broke', async () => {
    const config = loadConfig({ preset: 'smoke' })
    const provenance: Provenance = {
      version: 1,
      suite: 'embedded',
      model: { path: '/models/gemma', kind: 'checkpoint' },
      tasks: 2,
      attempts: 1,
      seed: 1,
      temperature: 0,
      agent: { ...config.agent, manner: 'default' },
      scoring: { dialect: 'embedded', scorer: 'evaluators', judge: null, judgeEarlyStops: false },
      browser: 'in-process',
      startedAt: '2026-01-01T00:00:00.000Z',
      environment: {},
    }
    const tasks = played.slice(0, 2).map((own) => own.task)
    const evaluation = await EvaluationFolder.create(at('evaluation'), { provenance, config, tasks })
    await evaluation.save({ kind: 'episode', key: '0000-0', episode: played[0] as Episode })
    const error = { message: 'the browser died', time: '2026-01-01T00:00:00.000Z', files: [] }
    await evaluation.save({ kind: 'error', key: '0001-0', error })
    evaluation.close()
    const out = at('evaluated')
    expect(await mira('export', at('evaluation'), '--as', 'results', '--out', out)).toEqual({
      code: 0,
      out: `${out}: 1 results of 1 trajectories\n`,
      err: '',
    })
    expect(await all(readTraces(out))).toEqual(episodesToTraces(played.slice(0, 1)))
    const phase = await mira('export', at('evaluation'), '--phase', '0', '--as', 'results', '--out', out)
    expect(phase).toMatchObject({ code: 2, err: expect.stringContaining('leave --phase out') })
  })
  test('what cannot be done is a sentence', async () => {
    const directory = await run()
    const phase = await mira('export', directory, '--phase', '7', '--as', 'rows', '--out', at('x'))
    expect(phase).toMatchObject({
      code: 2,
      err: 'error: --phase: expected a phase with episodes (1), received 7\n',
    })
    expect(await mira('convert', directory, '--as', 'text', '--out', at('x'))).toMatchObject({ code: 2 })
    const pickle = at('sft.pt')
    writeFileSync(pickle, Buffer.from([0x50, 0x4b, 3, 4, 9, 9]))
    expect(await mira('info', pickle)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^error: .*sft\.pt is a Python pickle .* docs\/webrl-data\.md\n$/),
    })
  })
})

test('a system text from a file: plain, or the intro of an instruction file', async () => {
  writeFileSync(at('own.txt'), 'Judge.')
  writeFileSync(at('p.json'), JSON.stringify({ intro: 'Act.', examples: [] }))
  writeFileSync(at('q.json'), '{"examples": []}')
  writeFileSync(at('r.json'), '{')
  expect(await readSystemText(at('own.txt'))).toBe('Judge.')
  expect(await readSystemText(at('p.json'))).toBe('Act.')
  await expect(readSystemText(at('q.json'))).rejects.toThrow(
    /expected a text under "intro" in .*q\.json, received none/,
  )
  await expect(readSystemText(at('r.json'))).rejects.toThrow(/expected JSON/)
  await expect(readSystemText(at('none'))).rejects.toMatchObject({ code: 'ERR_WEBRL_MISSING' })
})
