/**
 * From task, history and page to prompt ids. A prompt is composed of id segments: texts are encoded once
 * each, sampled actions enter as the ids that were sampled, control tokens enter by number. Nothing that a
 * policy wrote is ever decoded and encoded again (re-tokenised history silently breaks importance ratios).
 */
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

export interface PastStep {
  /** As sampled; a trailing end-of-turn id is left out of the prompt. */
  actionIds: Int32Array
  /** The action could not be carried out. */
  failed: boolean
}

export interface PromptInput {
  intent: string
  history: readonly PastStep[]
  pageText: string
  /** What to achieve next, where a planner guides the agent; one line. */
  subgoal?: string
}

/**
 * compact: one user turn of intent, one line per past action, the page. What the embedded policy reads.
 * webrl: the rounds of WebRL's prompt ("Task Instruction", "Round i", "** Simplified html **") on Gemma's
 * own turns: past pages are left out, past actions are model turns.
 * In both a subgoal stands between history and page, so that it changes nothing that a cache holds of earlier turns.
 */
export type PromptStyle = 'compact' | 'webrl'

export interface PromptLimits {
  /** Longest prompt in tokens. The page is cut first, then the oldest history is dropped. */
  maxPromptTokens: number
  /** Tokens the page keeps before the oldest history is dropped for it; default 0, as WebRL's prompt. */
  minPageTokens?: number
  /** Say in the history which actions could not be carried out; default true. WebArena's harness never tells. */
  announceFailures?: boolean
}

/** Composes prompts for one episode; keeps encoded segments so that a turn encodes only what is new. */
export class PromptComposer {
  readonly #tokenizer: Tokenizer
  readonly #style: PromptStyle
  readonly #limits: PromptLimits
  readonly #text = new Map<string, Int32Array>()

  constructor(tokenizer: Tokenizer, style: PromptStyle, limits: PromptLimits) {
    this.#tokenizer = tokenizer
    this.#style = style
    this.#limits = limits
  }

  /** Prompt ids, ending where the model's reply begins, [<= maxPromptTokens]. */
  compose(input: PromptInput): Int32Array {
    const { head, rounds, tail } = this.#style === 'compact' ? this.#compact(input) : this.#webrl(input)
    const page = this.#tokenizer.encode(input.pageText)
    const goal = this.#goal(input)
    const fixed = length(head) + length(goal) + length(tail)
    let budget = this.#limits.maxPromptTokens - fixed
    if (budget < 0) {
      throw new RangeError(
        `agent.maxPromptTokens: expected room for the task itself (${fixed} tokens), got ${this.#limits.maxPromptTokens}; raise it`,
      )
    }
    const reserved = Math.min(page.length, this.#limits.minPageTokens ?? 0)
    // Newest rounds are worth most: they say what was just tried.
    const kept: Int32Array[][] = []
    for (let i = rounds.length - 1; i >= 0; i--) {
      const round = rounds[i] as Int32Array[]
      if (length(round) > budget - reserved) break
      budget -= length(round)
      kept.unshift(round)
    }
    return concat([...head, ...kept.flat(), ...goal, page.subarray(0, budget), ...tail])
  }

  #compact({ intent, history }: PromptInput) {
    const { bos, startOfTurn } = this.#tokenizer.special
    return {
      head: [
        Int32Array.of(bos, startOfTurn),
        this.#encode('user\n'),
        this.#encode(intent),
        this.#encode('\n'),
      ],
      rounds: history.map((step) => [
        this.#reply(step),
        this.#encode(this.#tells(step) ? ' # failed\n' : '\n'),
      ]),
      tail: this.#modelTurn(),
    }
  }

  #webrl({ intent, history }: PromptInput) {
    const { bos, startOfTurn, endOfTurn } = this.#tokenizer.special
    const open = Int32Array.of(startOfTurn)
    const close = Int32Array.of(endOfTurn)
    const user = (text: string) => [open, this.#encode('user\n'), this.#encode(text)]
    const head = [Int32Array.of(bos), ...user(`Task Instruction: ${intent}\n\n`)]
    const rounds = history.map((step, i) => [
      this.#encode(`Round ${i}\n\n${i === 0 ? intent : '** Simplified html **'}`),
      ...this.#modelTurn(),
      this.#reply(step),
      close,
      this.#encode('\n'),
      open,
      this.#encode(this.#tells(step) ? 'user\nThe last action could not be carried out.\n\n' : 'user\n'),
    ])
    rounds.push([this.#encode(`Round ${history.length}\n\n`)])
    return { head, rounds, tail: this.#modelTurn() }
  }

  #goal({ subgoal }: PromptInput): Int32Array[] {
    if (subgoal === undefined) return []
    return [
      this.#encode(this.#style === 'compact' ? `goal: ${subgoal}\n` : `Current subgoal: ${subgoal}\n\n`),
    ]
  }

  #tells(step: PastStep): boolean {
    return step.failed && (this.#limits.announceFailures ?? true)
  }

  #modelTurn(): Int32Array[] {
    const { startOfTurn, endOfTurn } = this.#tokenizer.special
    return [Int32Array.of(endOfTurn), this.#encode('\n'), Int32Array.of(startOfTurn), this.#encode('model\n')]
  }

  #reply(step: PastStep): Int32Array {
    const last = step.actionIds.length - 1
    return step.actionIds[last] === this.#tokenizer.special.endOfTurn
      ? step.actionIds.subarray(0, last)
      : step.actionIds
  }

  #encode(text: string): Int32Array {
    const known = this.#text.get(text)
    if (known) return known
    const ids = this.#tokenizer.encode(text)
    this.#text.set(text, ids)
    return ids
  }
}

function length(segments: readonly Int32Array[]): number {
  return segments.reduce((sum, ids) => sum + ids.length, 0)
}

function concat(segments: readonly Int32Array[]): Int32Array {
  const out = new Int32Array(length(segments))
  let at = 0
  for (const ids of segments) {
    out.set(ids, at)
    at += ids.length
  }
  return out
}
