/**
 * WebRL's prompts as strings: the completion prompt of its trained models and the chat messages of prompted ones
 * (VisualAgentBench, VAB-WebArena-Lite/new/prompt_constructor.py). Builds them and reads them back; tokens are the
 * business of lib/agent/prompt.ts.
 */
import type { ChatMessage } from '../llm/model.ts'
import { codePoints, sliceTo } from './text.ts'

/** What a past page is replaced by. */
export const PAST_PAGE = '** Simplified html **'

/** 16,384 less 512 for the reply, counted in code points as upstream counts, though it means tokens. */
export const PROMPT_BUDGET = 15_872

/** One past turn: what stood for the page ("** Simplified html **", or the intent in round 0), and the raw reply. */
export interface Round {
  user: string
  reply: string
}

export interface PromptParts {
  intent: string
  rounds: readonly Round[]
  /** The page the next action is chosen on. */
  page: string
}

export interface PromptOptions {
  /**
   * To the letter, with the published harness's quirks: a history over the budget cuts the page from its end and
   * leaves the prompt over the budget; page text may spell control tokens; the first chat turn lacks the task.
   * Without it the oldest rounds make room, control tokens in pages are broken up, and the task is always said.
   */
  strict?: boolean
  /** History and page together, code points. Default 15,872. */
  budget?: number
  /** Repaired form only: code points a page keeps before history is dropped for it. Default a quarter of the budget. */
  pageFloor?: number
}

const OPEN_USER = '<|eot_id|><|start_header_id|>user<|end_header_id|>\n'
const OPEN_REPLY = '\n\n<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n'

/** Rounds of a history of raw replies, comment lines included. */
export function roundsOf(intent: string, replies: readonly string[]): Round[] {
  return replies.map((reply, i) => ({ user: i === 0 ? intent : PAST_PAGE, reply }))
}

/** The raw string for a completions endpoint; it ends where the reply begins. */
export function completionPrompt(parts: PromptParts, options: PromptOptions = {}): string {
  const { intent, kept, first, page } = withinBudget(parts, options)
  const history = kept.map((round, i) => completionRound(round, first + i)).join('')
  const now = `Round ${parts.rounds.length}\n\n${OPEN_USER}${page}${OPEN_REPLY}`
  return `Task Instruction: ${intent}\n\n${history}${now}`
}

/** Chat messages without the system text; see agent-system.ts for that. Only the repaired form keeps to a budget. */
export function chatMessages(parts: PromptParts, options: PromptOptions = {}): ChatMessage[] {
  const k = parts.rounds.length
  const { intent, kept, first, page } = options.strict
    ? { intent: parts.intent, kept: parts.rounds, first: 0, page: parts.page }
    : withinBudget(parts, options)
  const task = `Task Instruction: ${intent}\n\n`
  const messages = kept.flatMap((round, i): ChatMessage[] => [
    { role: 'user', content: `${i === 0 ? task : ''}Round ${first + i}\n${round.user}` },
    { role: 'assistant', content: round.reply },
  ])
  const lead = kept.length === 0 && !options.strict ? task : ''
  messages.push({ role: 'user', content: `${lead}Round ${k}\n\n${page}` })
  return messages
}

/**
 * The parts of a completion prompt. The page is what was left of it.
 * @returns undefined for text that is no such prompt
 */
export function parseCompletionPrompt(text: string): PromptParts | undefined {
  const head = /^Task Instruction: ([\s\S]*?)\n\nRound (\d+)\n\n<\|eot_id\|><\|start_header_id\|>user/.exec(
    text,
  )
  if (!head || !text.endsWith(OPEN_REPLY)) return undefined
  const intent = head[1] as string
  const rounds: Round[] = []
  let number = Number(head[2])
  let at = 'Task Instruction: '.length + intent.length + 2
  for (;;) {
    const open = `Round ${number}\n\n${OPEN_USER}`
    if (!text.startsWith(open, at)) return undefined
    at += open.length
    const next = `\n\nRound ${number + 1}\n\n${OPEN_USER}`
    const end = text.indexOf(next, at)
    if (end < 0) {
      // Another turn inside the page would mean that a round was lost or numbered wrongly.
      const page = text.slice(at, text.length - OPEN_REPLY.length)
      return page.includes(OPEN_REPLY) ? undefined : { intent, rounds, page }
    }
    const turn = text.slice(at, end)
    const split = turn.indexOf(OPEN_REPLY)
    if (split < 0) return undefined
    rounds.push({ user: turn.slice(0, split), reply: turn.slice(split + OPEN_REPLY.length) })
    at = end + 2
    number++
  }
}

function completionRound(round: Round, number: number): string {
  return `Round ${number}\n\n${OPEN_USER}${round.user}${OPEN_REPLY}${round.reply}\n\n`
}

/** History and page as the budget leaves them; `first` is the number of the oldest round kept. */
function withinBudget(
  parts: PromptParts,
  { strict = false, budget = PROMPT_BUDGET, pageFloor }: PromptOptions,
) {
  const rounds = strict ? parts.rounds : parts.rounds.map((own) => ({ ...own, user: breakControl(own.user) }))
  const lengths = rounds.map((round, i) => codePoints(completionRound(round, i)))
  let history = lengths.reduce((sum, length) => sum + length, 0)
  if (strict) {
    const over = history + codePoints(parts.page) > budget
    const page = over ? sliceTo(parts.page, budget - history) : parts.page
    return { intent: parts.intent, kept: rounds, first: 0, page }
  }
  const intent = breakControl(parts.intent)
  const page = breakControl(parts.page)
  const floor = Math.min(codePoints(page), pageFloor ?? Math.floor(budget / 4))
  let first = 0
  while (first < lengths.length && budget - history < floor) history -= lengths[first++] as number
  return { intent, kept: rounds.slice(first), first, page: sliceTo(page, budget - history) }
}

/** A page may spell a turn boundary, and the server would read it as one: a space takes its power away. */
function breakControl(text: string): string {
  return text.replace(/<\|(?=[a-z0-9_]+\|>)/g, '< |')
}
