/** Judgements of ended episodes, and the judge that asks a language model. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { evaluationJudge, judgeByEvaluation } from '../../lib/agent/judge.ts'
import {
  fileVerdicts,
  JUDGE_PROMPTS,
  loadJudgePrompts,
  modelJudge,
  parseVerdict,
} from '../../lib/agent/model-judge.ts'
import type { LanguageModel, ModelReply, ModelRequest } from '../../lib/llm/model.ts'
import { evaluate, type Question, UndecidedError } from '../../lib/tasks/evaluate.ts'
import { evidenceRecord, replayEvidence } from '../../lib/tasks/evidence.ts'
import { fakePages, taskWith } from '../tasks/kit.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mira-judge-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A model that gives these replies in turn; an Error is thrown. */
function scripted(...replies: (string | Partial<ModelReply> | Error)[]) {
  const asked: ModelRequest[] = []
  const model: LanguageModel = {
    name: 'test/scripted',
    async generate(request) {
      asked.push(request)
      const reply = replies[Math.min(asked.length, replies.length) - 1]
      if (reply instanceof Error) throw reply
      return {
        text: typeof reply === 'string' ? reply : '',
        finish: 'stop',
        usage: { inputTokens: 0, outputTokens: 0, thinkingTokens: 0 },
        cached: false,
        seconds: 0,
        ...(typeof reply === 'object' ? reply : {}),
      }
    },
  }
  return { model, asked }
}

const question: Question = { kind: 'fuzzy', intent: 'How long?', reference: '8h 33min', answer: '{intent}' }

describe('verdicts', () => {
  test.each([
    ['fuzzy', 'correct', true],
    ['fuzzy', 'Correct.', true],
    ['fuzzy', '**Partially correct**', false],
    ['fuzzy', 'INCORRECT', false],
    ['fuzzy', 'not correct', false],
    ['fuzzy', 'An incorrect date would be wrong, but this one agrees: correct', true],
    ['fuzzy', 'It seems correct at first; incorrect', false],
    ['fuzzy', 'I cannot say', undefined],
    ['fuzzy', '', undefined],
    ['ua', 'same', true],
    ['ua', "'different'", false],
    ['ua', 'not the same', false],
    ['ua', 'correct', undefined],
  ] as const)('%s: %j', (kind, reply, verdict) => expect(parseVerdict(kind, reply)).toBe(verdict))

  test('no reply brings the parser down', () => {
    fc.assert(
      fc.property(fc.string(), (reply) => {
        expect([true, false, undefined]).toContain(parseVerdict('fuzzy', reply))
      }),
    )
  })
})

describe('a model as judge', () => {
  test('is asked once, greedily, with the question filled in as it is', async () => {
    const { model, asked } = scripted('correct')
    expect(await modelJudge(model)(question)).toBe(true)
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({ temperature: 0, maxTokens: 768, system: JUDGE_PROMPTS.system })
    const text = asked[0]?.messages[0]?.content as string
    expect(text).toContain('How long?')
    expect(text).toContain('8h 33min')
    // What the agent wrote is no placeholder.
    expect(text).toContain('answered:\n{intent}\n')
  })
  test('that is unclear is asked once more, and then undecided', async () => {
    const second = scripted('Well...', 'incorrect')
    expect(await modelJudge(second.model)(question)).toBe(false)
    const never = scripted('Well...', { finish: 'refused', text: 'correct' })
    await expect(modelJudge(never.model)(question)).rejects.toMatchObject({
      code: 'UNDECIDED',
      message: expect.stringMatching(/test\/scripted: expected correct, partially correct or incorrect/),
    })
    expect(never.asked).toHaveLength(2)
    const broken = scripted(new Error('no route'))
    await expect(modelJudge(broken.model)(question)).rejects.toThrow(/could not be asked: no route/)
  })
  test('that was stopped says so', async () => {
    const { model } = scripted(new Error('aborted'))
    const signal = AbortSignal.abort(new Error('stop'))
    await expect(modelJudge(model, { signal })(question)).rejects.toThrow('stop')
  })
  test('remembers verdicts by content, undecided ones never', async () => {
    const cache = new Map<string, boolean>()
    const { model, asked } = scripted('hm', 'hm', 'correct')
    const judge = modelJudge(model, { cache })
    await expect(judge(question)).rejects.toBeInstanceOf(UndecidedError)
    expect([await judge(question), await judge({ ...question })]).toEqual([true, true])
    expect(asked).toHaveLength(3)
    await judge({ ...question, answer: 'other' })
    expect(asked).toHaveLength(4)
    await modelJudge(model, { cache, prompts: { fuzzy: '{answer}?', ua: 'x' } })(question)
    expect(asked.at(-1)?.messages[0]?.content).toBe('{intent}?')
    expect(cache.size).toBe(3)
  })
  test('remembers them in a file, past a line that was cut off', async () => {
    const path = join(folder, 'verdicts.jsonl')
    const first = await fileVerdicts(path)
    await first.set('a', true)
    await writeFile(path, `${await readFile(path, 'utf8')}{"key":"b","verd`)
    const second = await fileVerdicts(path)
    expect([second.get('a'), second.get('b')]).toEqual([true, undefined])
    await second.set('c', false)
    const third = await fileVerdicts(path)
    expect([third.get('a'), third.get('b'), third.get('c')]).toEqual([true, undefined, false])
  })
  test('takes its prompts from a file', async () => {
    const path = join(folder, 'prompts.yaml')
    await writeFile(path, 'fuzzy: "{answer} = {reference}?"\nua: "{answer}"\n')
    expect(await loadJudgePrompts(path)).toEqual({ fuzzy: '{answer} = {reference}?', ua: '{answer}' })
    await writeFile(path, 'fuzzy: ""\n')
    await expect(loadJudgePrompts(path)).rejects.toThrow(
      /prompts.yaml: fuzzy: .*needs the texts fuzzy and ua/,
    )
    await expect(loadJudgePrompts(join(folder, 'none'))).rejects.toThrow(/expected a YAML or JSON file/)
  })
})

describe('judgements', () => {
  const exact = taskWith({ reference_answers: { exact_match: 'Yes' } })
  const fuzzy = taskWith({ reference_answers: { fuzzy_match: ['Yes'] } })
  const pages = fakePages('http://h/', { 'http://h/': { html: '<p>x</p>' } })

  test('an agent that never said that it was done has finished nothing', async () => {
    expect(await judgeByEvaluation(exact, pages, undefined)).toMatchObject({ score: 0 })
    expect(await evaluationJudge()(exact, pages, undefined)).toMatchObject({ score: 0 })
  })
  test('checks are told, in the dialect asked for', async () => {
    expect(await evaluationJudge({ dialect: 'vab' })(exact, pages, ' yes')).toEqual({
      score: 0,
      details: ['fail string_match: answer " yes" is "Yes"'],
    })
    expect((await evaluationJudge({ dialect: 'webarena' })(exact, pages, ' yes')).score).toBe(1)
  })
  test('what cannot be scored is marked, and rejects in training', async () => {
    const undecided = evaluationJudge({ judge: async () => Promise.reject(new UndecidedError('who knows')) })
    expect(await undecided(fuzzy, pages, 'x')).toEqual({ score: 0, details: [], unscorable: 'who knows' })
    expect((await evaluationJudge()(fuzzy, pages, 'x')).unscorable).toMatch(/needs a judge/)
    await expect(judgeByEvaluation(fuzzy, pages, 'x')).rejects.toThrow(/needs a judge/)
  })
  test('failures of the environment are not judgements', async () => {
    const task = taskWith({ eval_types: ['url_match'], reference_url: 'http://h/' })
    const dead = { ...pages, last: async () => Promise.reject(new Error('the browser is gone')) }
    await expect(evaluationJudge()(task, dead, '')).rejects.toThrow('the browser is gone')
  })
  test('the record scores the episode again, in other dialects too where the page was kept', async () => {
    const task = taskWith({
      eval_types: ['program_html'],
      program_html: [{ url: 'last', locator: '', required_contents: { must_include: ['<p>x</p>'] } }],
    })
    const judge = evaluationJudge({ dialect: 'vab', record: true, keepHtml: true })
    const { score, evidence } = await judge(task, pages, 'done')
    const record = evidenceRecord.parse(JSON.parse(JSON.stringify(evidence)))
    for (const dialect of ['vab', 'webarena', 'browsergym'] as const) {
      const again = await evaluate(task, replayEvidence(record), { dialect, sites: ['http://h/'] })
      expect(again.score).toBe(score)
    }
    expect(score).toBe(1)
  })
  test('a step of BrowserGym without an answer is judged on "whatever", and asks no model', async () => {
    const judge = evaluationJudge({ dialect: 'browsergym', judge: async () => true })
    expect((await judge(fuzzy, pages, '')).score).toBe(0)
    const whatever = taskWith({ reference_answers: { must_include: ['whatever'] } })
    expect((await judge(whatever, pages, '')).score).toBe(1)
    expect((await judge(fuzzy, pages, 'done')).score).toBe(1)
  })
})
