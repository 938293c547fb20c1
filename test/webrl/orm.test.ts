/** The outcome model as a judge: P(YES) of a language model's reply and of a Gemma3, budgets, and what a judge says. */
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Step } from '../../lib/agent/step.ts'
import type { LanguageModel, ModelReply, ModelRequest } from '../../lib/llm/model.ts'
import { Gemma, type Role } from '../../lib/native/model.ts'
import type { Task } from '../../lib/tasks/task.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import type { Session } from '../../lib/web/session.ts'
import { ormJudge, rescore } from '../../lib/webrl/orm.ts'
import {
  fitOrmParts,
  ORM_SYSTEM,
  type OrmParts,
  ormInstruction,
  ormLlamaPrompt,
} from '../../lib/webrl/orm-prompt.ts'
import { gemmaScorer, modelScorer, probabilityOfYes } from '../../lib/webrl/orm-scorers.ts'
import { codePoints, sliceTo } from '../../lib/webrl/text.ts'
import { tiny } from '../native/gemma-kit.ts'

const parts: OrmParts = {
  intent: 'Cancel order 12',
  replies: ['# Element: orders\ndo(action="Click", element="3")', 'exit(message="done")'],
  page: '<h1> cancelled </h1>',
}

type Alternatives = Record<string, number>
/** A reply whose tokens have these probabilities. */
function reply(text: string, ...tokens: Alternatives[]): ModelReply {
  return {
    text,
    finish: 'stop',
    ...(tokens.length > 0 && {
      logprobs: tokens.map((alternatives) => {
        const top = Object.entries(alternatives).map(([token, p]) => ({ token, logprob: Math.log(p) }))
        return { token: top[0]?.token ?? '', logprob: top[0]?.logprob ?? 0, top }
      }),
    }),
    usage: { inputTokens: 1, outputTokens: 1, thinkingTokens: 0 },
    cached: false,
    seconds: 0,
  }
}

describe('P(YES) of a reply', () => {
  test('is the share of YES in YES and NO, every spelling added up', () => {
    const spelt = reply('YES', { YES: 0.3, ' Yes': 0.15, NO: 0.1, no: 0.05, Maybe: 0.4 })
    expect(probabilityOfYes(spelt)).toBeCloseTo(0.45 / 0.6, 12)
    expect(probabilityOfYes(reply('No', { No: 0.8, '"YES"': 0.2 }))).toBeCloseTo(0.2, 12)
    // Not, Yesterday and Note are other words.
    expect(
      probabilityOfYes(reply('NO', { NO: 0.4, YES: 0.1, Not: 0.2, Yesterday: 0.2, Note: 0.1 })),
    ).toBeCloseTo(0.2, 12)
  })
  test('is read at the first word: blanks and marks before it are not it', () => {
    expect(
      probabilityOfYes(reply('\n**YES', { '\n': 1 }, { '**': 0.9, YES: 0.1 }, { YES: 0.9, NO: 0.1 })),
    ).toBeCloseTo(0.9, 12)
  })
  test('a side that is not among the alternatives has at most the least likely of them', () => {
    expect(probabilityOfYes(reply('YES', { YES: 0.9, Perhaps: 0.01 }))).toBeCloseTo(0.9 / 0.91, 12)
    expect(probabilityOfYes(reply('NO', { NO: 0.9, Perhaps: 0.01 }))).toBeCloseTo(0.01 / 0.91, 12)
  })
  test('the sampled token counts where the provider does not list it', () => {
    const own = reply('YES', { NO: 0.3 })
    const listed = own.logprobs?.[0]
    if (listed) Object.assign(listed, { token: 'YES', logprob: Math.log(0.6) })
    expect(probabilityOfYes(own)).toBeCloseTo(2 / 3, 12)
  })
  test('stays a number where both are all but impossible', () => {
    const far = reply('YES', { YES: 1, NO: 1 })
    for (const [i, own] of (far.logprobs?.[0]?.top ?? []).entries()) own.logprob = -1000 - i
    expect(probabilityOfYes(far)).toBeCloseTo(1 / (1 + Math.exp(-1)), 12)
  })
  test('without log-probabilities the word decides, and no word is an error', () => {
    expect(probabilityOfYes(reply('**Yes.** It did'))).toBe(1)
    expect(probabilityOfYes(reply('NO'))).toBe(0)
    expect(() => probabilityOfYes(reply('Nobody knows'))).toThrow(
      'outcome model: expected YES or NO, received "Nobody knows" (stop)',
    )
    expect(() => probabilityOfYes(reply('', { Hmm: 1 }))).toThrow(/received ""/)
  })
  test('any reply gives a probability or that error', () => {
    const token = fc.oneof(fc.constantFrom('YES', ' yes', 'NO', 'No', 'x', ''), fc.string())
    const alternatives = fc.dictionary(token, fc.double({ min: 1e-300, max: 1, noNaN: true }), { minKeys: 1 })
    fc.assert(
      fc.property(token, fc.array(alternatives, { maxLength: 3 }), (text, tokens) => {
        try {
          const p = probabilityOfYes(reply(text, ...tokens))
          expect(p >= 0 && p <= 1).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_WEBRL_VERDICT' })
        }
      }),
    )
  })
})

describe('the prompt within a budget', () => {
  const chars = (own: OrmParts, budget: number) => fitOrmParts(own, budget, codePoints, sliceTo)
  test('nothing is lost where it fits', () => {
    const own = { ...parts, page: 'p'.repeat(300) }
    const whole = codePoints(ormInstruction(own))
    expect(chars(own, whole)).toEqual(own)
    expect(ormInstruction(chars(own, whole - 5))).toBe(ormInstruction(own).slice(0, -5))
  })
  test('a long page keeps the question, long histories lose their oldest actions first', () => {
    const long = { ...parts, replies: ['a'.repeat(500), 'b'.repeat(100), 'exit()'], page: 'p'.repeat(5000) }
    const fitted = chars(long, 400)
    expect(fitted.replies).toEqual(['b'.repeat(100), 'exit()'])
    expect(fitted.page.length).toBeGreaterThanOrEqual(100)
    expect(codePoints(ormInstruction(fitted))).toBe(400)
  })
  test('never over the budget that intent and headings leave', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 })
    fc.assert(
      fc.property(
        text,
        fc.array(text, { maxLength: 6 }),
        text,
        fc.integer({ min: 140, max: 400 }),
        (intent, replies, page, budget) => {
          const fitted = chars({ intent, replies, page }, budget)
          expect(codePoints(ormInstruction(fitted))).toBeLessThanOrEqual(budget)
          expect(replies.slice(replies.length - fitted.replies.length)).toEqual(fitted.replies)
        },
      ),
    )
  })
  test('the published raw prompt', () => {
    expect(ormLlamaPrompt('S', 'I')).toBe(
      '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>' +
        '<|start_header_id|>user<|end_header_id|>\n\nI<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
    )
  })
})

const fake = (answer: ModelReply | Error): LanguageModel & { asked: ModelRequest[] } => {
  const asked: ModelRequest[] = []
  return {
    name: 'test/judge',
    asked,
    async generate(request) {
      asked.push(request)
      if (answer instanceof Error) throw answer
      return answer
    },
  }
}

describe('a judge', () => {
  const task = { intent: 'Cancel order 12' } as Task
  const session = {} as Session
  const steps = parts.replies.map(
    (actionText, i) => ({ actionText, pageText: i === 1 ? parts.page : 'old' }) as Step,
  )

  test('asks once, with the actions and the page before the last of them', async () => {
    const model = fake(reply('YES', { YES: 0.8, NO: 0.2 }))
    const judgement = await ormJudge(modelScorer(model))(task, session, undefined, steps)
    expect(judgement).toEqual({
      score: 1,
      details: ['pass outcome model test/judge: P(YES) 0.8000, threshold 0.5'],
    })
    expect(model.asked).toMatchObject([
      { system: ORM_SYSTEM, messages: [{ role: 'user', content: ormInstruction(parts) }], temperature: 0 },
    ])
  })
  test('passes from the threshold on, and not below', async () => {
    const even = modelScorer(fake(reply('YES', { YES: 0.5, NO: 0.5 })))
    expect((await ormJudge(even)(task, session, 'x', steps)).score).toBe(1)
    expect((await ormJudge(even, { threshold: 0.51 })(task, session, 'x', steps)).score).toBe(0)
    for (const threshold of [0, 1.1, Number.NaN])
      expect(() => ormJudge(even, { threshold })).toThrow(/^threshold:/)
  })
  test('no steps: 0 without asking; no verdict: unscorable; no model: an error', async () => {
    const model = fake(reply('Hard to say'))
    expect((await ormJudge(modelScorer(model))(task, session, 'x', [])).score).toBe(0)
    expect(model.asked).toHaveLength(0)
    const undecided = await ormJudge(modelScorer(model))(task, session, 'x', steps)
    expect(undecided).toMatchObject({ score: 0, unscorable: expect.stringContaining('expected YES or NO') })
    await expect(ormJudge(modelScorer(fake(new Error('down'))))(task, session, 'x', steps)).rejects.toThrow(
      'down',
    )
  })
  test('a trace gets its score from the model', async () => {
    const trace = {
      id: '3',
      steps: parts.replies.map((response, index) => ({
        trace_id: 3,
        index,
        prompt: index === 0 ? parts.intent : '** Simplified html **',
        html: index === 1 ? parts.page : 'old',
        response,
        target: parts.intent,
        fixed_response: response,
        score: -0.1,
      })),
    }
    const model = fake(reply('YES', { YES: 0.6, NO: 0.4 }))
    const scored = await rescore(trace, modelScorer(model))
    expect(scored).toEqual({ id: '3', steps: trace.steps.map((step) => ({ ...step, score: 1 })) })
    expect(model.asked[0]?.messages[0]?.content).toBe(ormInstruction(parts))
    const strict = await rescore(trace, modelScorer(model), { threshold: 0.7 })
    expect(strict.steps.map((step) => step.score)).toEqual([0, 0])
  })
  test('a provider without log-probabilities is not asked for them', async () => {
    const model = fake(reply('YES'))
    expect(await modelScorer(model, { topLogprobs: 0 }).probability(parts)).toBe(1)
    expect(model.asked[0]).not.toHaveProperty('topLogprobs')
  })
  test('another system text and a smaller budget reach the model', async () => {
    const model = fake(reply('NO'))
    await modelScorer(model, { system: 'Judge.', maxChars: 150, thinking: 0, maxTokens: 3 }).probability(
      parts,
    )
    expect(model.asked[0]).toMatchObject({ system: 'Judge.', thinking: 0, maxTokens: 3, topLogprobs: 20 })
    expect(codePoints(String(model.asked[0]?.messages[0]?.content))).toBeLessThanOrEqual(150)
  })
})

describe('a Gemma3 in this process', () => {
  const tokenizer = Tokenizer.load(fileURLToPath(new URL('../../lib/tokenizer/embedded', import.meta.url)))
  const { bos, startOfTurn, endOfTurn } = tokenizer.special
  let model: Gemma
  let role: Role
  beforeAll(async () => {
    const config = { ...tiny, vocab: tokenizer.size, maxPositions: 512 }
    model = await Gemma.random(config, { seed: 3, initStd: 0.3 })
    role = await model.role({ name: 'orm', kind: 'full', copy: false })
  })
  afterAll(() => {
    role?.dispose()
    model?.dispose()
  })

  /** The same probability from whole logits, token by token. */
  async function fromLogits(prompt: number[], answer: number[]): Promise<number> {
    const ids = [...prompt, ...answer]
    const logits = await role.logits({
      ids: Int32Array.from(ids),
      offsets: Int32Array.of(0, ids.length),
      scored: Int32Array.of(),
    })
    let total = 0
    for (const [i, id] of answer.entries()) {
      const at = (prompt.length + i - 1) * tokenizer.size
      const row = Float64Array.from(logits.data.subarray(at, at + tokenizer.size))
      const most = Math.max(...row)
      total += (row[id] as number) - most - Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0))
    }
    logits.dispose()
    return total
  }

  test('P(YES) is that of its own logits behind the prompt on its turns', async () => {
    const system = 'Judge.'
    const prompt = [
      bos,
      startOfTurn,
      ...tokenizer.encode(`user\n${system}\n\n`),
      ...tokenizer.encode(ormInstruction(parts)),
      endOfTurn,
      ...tokenizer.encode('\n'),
      startOfTurn,
      ...tokenizer.encode('model\n'),
    ]
    const yes = await fromLogits(prompt, [...tokenizer.encode('YES')])
    const no = await fromLogits(prompt, [...tokenizer.encode('NO')])
    const p = await gemmaScorer(role, tokenizer, { system }).probability(parts)
    expect(p).toBeGreaterThan(0)
    expect(p).toBeLessThan(1)
    expect(p).toBeCloseTo(1 / (1 + Math.exp(no - yes)), 5)
    const other = await gemmaScorer(role, tokenizer, { system }).probability({
      ...parts,
      intent: 'Buy a lamp',
    })
    expect(other).not.toBeCloseTo(p, 5)
  })
  test('never feeds more than its budget, and the turn that asks stays at the end', async () => {
    const fed: number[][] = []
    const watching: Pick<Role, 'logprobs'> = {
      logprobs: (batch, options) => {
        for (let b = 0; b + 1 < batch.offsets.length; b++)
          fed.push([...batch.ids.subarray(batch.offsets[b], batch.offsets[b + 1])])
        return role.logprobs(batch, options)
      },
    }
    const long = {
      ...parts,
      replies: Array.from({ length: 40 }, () => 'do(action="Wait")'),
      page: '<p> lamp </p>'.repeat(300),
    }
    const scorer = gemmaScorer(watching, tokenizer, { system: 'Judge.', maxTokens: 160 })
    const p = await scorer.probability(long)
    expect(p > 0 && p < 1).toBe(true)
    expect(fed).toHaveLength(2)
    for (const ids of fed) {
      expect(ids.length).toBeLessThanOrEqual(160)
      expect(tokenizer.decode(ids)).toMatch(
        /^user\nJudge\.\n\nThe User Intent:\nCancel order 12\n[\s\S]*\nmodel\n(YES|NO)$/,
      )
      expect(tokenizer.decode(ids)).toContain('The Current Screenshot:\n<p> lamp </p>')
    }
    expect(() => gemmaScorer(role, tokenizer, { maxTokens: 20 })).toThrow(
      /^maxTokens: expected room for the system/,
    )
  })
  test('answers to an abort', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(gemmaScorer(role, tokenizer).probability(parts, signal)).rejects.toThrow()
  })
})
