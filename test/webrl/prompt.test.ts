/** WebRL's prompts: the published strings to the letter, their quirks and repairs, and reading them back. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAction } from '../../lib/web/grammar.ts'
import { agentSystem } from '../../lib/webrl/agent-system.ts'
import {
  chatMessages,
  completionPrompt,
  PROMPT_BUDGET,
  parseCompletionPrompt,
  type PromptParts,
  roundsOf,
} from '../../lib/webrl/prompt.ts'
import { codePoints, sliceTo, strip } from '../../lib/webrl/text.ts'
import { golden } from './fixtures.ts'

interface PromptCase {
  intent: string
  history?: string[]
  history_lens?: number[]
  obs?: string
  obs_len?: number
  completion_prompt?: string
  completion_prompt_len?: number
  obs_chars_kept?: number
  chat_messages?: { role: string; content: string }[]
}

const fixture = golden<{ cases: PromptCase[] }>('vab_prompts')

function partsOf(own: PromptCase): PromptParts {
  const replies = own.history ?? own.history_lens?.map((length) => 'a'.repeat(length)) ?? []
  const page = own.obs ?? 'z'.repeat(own.obs_len ?? 0)
  return { intent: own.intent, rounds: roundsOf(own.intent, replies), page }
}

describe.skipIf(!fixture)('published prompts (skipped without ../shared/webarena)', () => {
  test.each(fixture?.cases.map((own, i) => [i, own] as const) ?? [])('case %i', (_, own) => {
    const parts = partsOf(own)
    const prompt = completionPrompt(parts, { strict: true })
    if (own.completion_prompt !== undefined) expect(prompt).toBe(own.completion_prompt)
    if (own.completion_prompt_len !== undefined) expect(codePoints(prompt)).toBe(own.completion_prompt_len)
    if (own.obs_chars_kept !== undefined) {
      expect(codePoints(parseCompletionPrompt(prompt)?.page ?? '?')).toBe(own.obs_chars_kept)
    }
    const messages = own.chat_messages?.filter((message) => message.role !== 'system')
    if (messages) expect(chatMessages(parts, { strict: true })).toEqual(messages)
  })
})

describe('truncation', () => {
  // Written down from the rule: kept = budget - history, where the history is its rounds with headers, no more.
  const rounds = roundsOf('Find X', ['y'.repeat(900)])
  const history = 'Round 0\n\n'.length + 51 + 'Find X'.length + 2 + 56 + 900 + 2
  const page = '😀'.repeat(400)
  const kept = (budget: number, strict: boolean) =>
    codePoints(
      parseCompletionPrompt(completionPrompt({ intent: 'Find X', rounds, page }, { budget, strict }))?.page ??
        '?',
    )

  test('counts code points of history and page', () => {
    expect(kept(history + 400, true)).toBe(400)
    expect(kept(history + 399, true)).toBe(399)
    expect(kept(history + 1, true)).toBe(1)
    expect(kept(history, true)).toBe(0)
  })
  test('strict: a history over the budget cuts the page from its end', () => {
    expect(kept(history - 1, true)).toBe(399)
    expect(kept(history - 399, true)).toBe(1)
    expect(kept(history - 400, true)).toBe(0)
    expect(kept(history - 900, true)).toBe(0)
  })
  test('repaired: the same while the page keeps its floor, then the oldest rounds make room', () => {
    const floor = { intent: 'Find X', page, rounds: roundsOf('Find X', ['a', 'b'.repeat(300), 'c']) }
    const prompt = completionPrompt(floor, { budget: 500, pageFloor: 200 })
    const parsed = parseCompletionPrompt(prompt)
    expect(parsed?.rounds.map((round) => round.reply)).toEqual(['c'])
    expect(prompt).toContain('Round 2\n\n')
    expect(prompt).toContain('Round 3\n\n')
    expect(codePoints(parsed?.page ?? '')).toBeGreaterThanOrEqual(200)
    expect(kept(history + 399, false)).toBe(399)
  })
  test('the default budget is 15,872', () => {
    expect(PROMPT_BUDGET).toBe(15_872)
    const long = { intent: 'x', rounds: [], page: 'é'.repeat(20_000) }
    for (const strict of [true, false])
      expect(codePoints(parseCompletionPrompt(completionPrompt(long, { strict }))?.page ?? '')).toBe(15_872)
    expect(chatMessages(long, { strict: true })[0]?.content).toHaveLength(20_000 + 'Round 0\n\n'.length)
    expect(chatMessages(long)[0]?.content).toHaveLength(15_872 + 'Task Instruction: x\n\nRound 0\n\n'.length)
  })
})

describe('repairs', () => {
  test('the first chat turn says the task, the last page stays last', () => {
    expect(chatMessages({ intent: 'Find X', rounds: [], page: '<p>' })).toEqual([
      { role: 'user', content: 'Task Instruction: Find X\n\nRound 0\n\n<p>' },
    ])
    expect(chatMessages({ intent: 'Find X', rounds: [], page: '<p>' }, { strict: true })).toEqual([
      { role: 'user', content: 'Round 0\n\n<p>' },
    ])
  })
  test('a page cannot spell a turn boundary; a reply stays as it was', () => {
    const page = 'a <|eot_id|> b <| c'
    const parts = { intent: 'x', rounds: roundsOf('x', ['# 1 <|x|>\ndo()']), page }
    expect(parseCompletionPrompt(completionPrompt(parts))).toEqual({ ...parts, page: 'a < |eot_id|> b <| c' })
    expect(completionPrompt(parts, { strict: true })).toContain(page)
  })
})

describe('reading back', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((own) => !/<\||Round \d/.test(own))
  test('every prompt within the budget reads back into its parts', () => {
    fc.assert(
      fc.property(
        text,
        fc.array(text, { maxLength: 5 }),
        text,
        fc.boolean(),
        (intent, replies, page, strict) => {
          const parts = { intent, rounds: roundsOf(intent, replies), page }
          expect(parseCompletionPrompt(completionPrompt(parts, { strict }))).toEqual(parts)
        },
      ),
    )
  })
  test('anything else is undefined, never an exception', () => {
    const whole = completionPrompt({ intent: 'x', rounds: roundsOf('x', ['a', 'b']), page: 'p' })
    const prefixes = Array.from({ length: whole.length }, (_, end) =>
      parseCompletionPrompt(whole.slice(0, end)),
    )
    // Where an earlier turn's prompt ended, a prefix is that prompt.
    expect(prefixes.filter((own) => own !== undefined).map((own) => own.rounds.length)).toEqual([0, 1])
    expect(parseCompletionPrompt(whole.replace('Round 1\n\n', 'Round 7\n\n'))).toBeUndefined()
    fc.assert(fc.property(fc.string(), (own) => parseCompletionPrompt(own) === undefined))
  })
})

describe('Python text', () => {
  test('slices and lengths count code points', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 24 }),
        fc.integer({ min: -30, max: 30 }),
        (own, end) => {
          expect(codePoints(own)).toBe([...own].length)
          expect(sliceTo(own, end)).toBe([...own].slice(0, end).join(''))
        },
      ),
    )
  })
  test('strip takes what Python calls white space', () => {
    expect(strip('\x1c\x85\u00a0 a b\u3000\n\t')).toBe('a b')
    expect(strip('\ufeffa\u200b')).toBe('\ufeffa\u200b')
    expect(strip('  ')).toBe('')
  })
})

test('every action the system text shows is one', () => {
  for (const extended of [true, false]) {
    const lines = agentSystem(extended)
      .split('\n')
      .filter((line) => /^(do|exit)\(/.test(line))
    expect(lines.length).toBe(extended ? 14 : 11)
    expect(lines.map((line) => parseAction(line).kind)).not.toContain('invalid')
  }
})
