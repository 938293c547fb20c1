/**
 * Asks a language model which milestones hold, after every step: the outcome judge's question with the milestone in
 * place of the intent (paper A.4), one call per milestone or one for all. What the model leaves undecided counts as
 * not reached, and is counted.
 */
import { z } from 'zod'
import { LanguageModelError } from '../llm/errors.ts'
import type { LanguageModel, ModelRequest } from '../llm/model.ts'
import { askFor } from '../llm/structured.ts'
import { yesNoAsker } from './ask-yes-no.ts'
import { nextBelief } from './belief.ts'
import type { MilestoneCheck, MilestoneChecker, SeenPage } from './checker.ts'
import { historyText, type PageLimits, pageText, withPicture } from './page-text.ts'
import { fillPrompt, type Prompt, readPrompt } from './prompt-file.ts'

const COMMON = ['task', 'history', 'page', 'url', 'answer'] as const
const ONE = { required: ['milestone', 'history', 'page'], optional: ['task', 'url', 'answer'] } as const
const ALL = { required: ['milestones', 'history', 'page'], optional: ['task', 'url', 'answer'] } as const

type OneName = 'milestone' | (typeof COMMON)[number]
type AllName = 'milestones' | (typeof COMMON)[number]

/** Milestone by milestone; its file holds {milestone}. */
export function readCheckPrompt(path?: string): Prompt<OneName> {
  return readPrompt<OneName>(path ?? new URL('./prompts/check-one.md', import.meta.url), ONE)
}

/** All at once; its file holds {milestones}. */
export function readBatchPrompt(path?: string): Prompt<AllName> {
  return readPrompt<AllName>(path ?? new URL('./prompts/check-all.md', import.meta.url), ALL)
}

export interface ModelCheckerOptions extends PageLimits {
  /** One call for all milestones, in place of one each. Default false. */
  batch?: boolean
  /** Ask only about milestones not yet believed to be reached, and keep those. Default true. */
  monotone?: boolean
  /** P(YES) above which a milestone counts as reached. Default 0.5; one by one only. */
  threshold?: number
  /** Alternatives asked for, for P(YES); 0 = none, the word decides. Default "auto": where the server gives them. */
  topLogprobs?: number | 'auto'
  /** Show the model the screenshot where there is one. Default true. */
  vision?: boolean
  checkPrompt?: Prompt<OneName>
  batchPrompt?: Prompt<AllName>
  /** Longest reply, tokens, thinking included. Default 4096. */
  maxTokens?: number
  /** Default: not said. */
  thinking?: ModelRequest['thinking']
}

/** What a checker was asked so far. */
export interface CheckCounts {
  /** Verdicts on one milestone after one step; those that monotone belief spares are not among them. */
  asked: number
  /** Of them, without an answer that could be read; they counted as not reached. */
  undecided: number
  /** Questions put to the model, one for all milestones of a step where they are asked together. */
  calls: number
}

export interface ModelChecker extends MilestoneChecker {
  readonly name: string
  readonly counts: Readonly<CheckCounts>
}

/** Rejects with LanguageModelError when the model cannot be asked; a refusal is an undecided verdict. */
export function modelChecker(model: LanguageModel, options: ModelCheckerOptions = {}): ModelChecker {
  const { batch = false, monotone = true } = options
  const counts: CheckCounts = { asked: 0, undecided: 0, calls: 0 }
  const ask = batch ? askAll(model, options) : askEach(model, options)
  return {
    name: model.name,
    counts,
    async check(moment) {
      const { milestones, before } = moment
      const open = milestones.flatMap((_, i) => (monotone && before?.[i] ? [] : i))
      const reached = new Uint8Array(milestones.length)
      if (open.length === 0) return nextBelief(before, reached, { monotone })
      const page = await moment.observe()
      counts.asked += open.length
      const verdicts = await ask(moment, page, open, counts)
      for (const [n, i] of open.entries()) {
        const verdict = verdicts[n]
        if (verdict === undefined) counts.undecided++
        else if (verdict) reached[i] = 1
      }
      return nextBelief(before, reached, { monotone })
    },
  }
}

/** One verdict per open milestone, undefined where undecided. */
type Ask = (
  moment: MilestoneCheck,
  page: SeenPage,
  open: readonly number[],
  counts: CheckCounts,
) => Promise<(boolean | undefined)[]>

function askEach(model: LanguageModel, options: ModelCheckerOptions): Ask {
  const prompt = options.checkPrompt ?? readCheckPrompt()
  const { threshold = 0.5, topLogprobs = 'auto' } = options
  const probabilityOf = yesNoAsker(model, topLogprobs)
  return (moment, page, open, counts) =>
    Promise.all(
      open.map(async (i) => {
        const milestone = moment.milestones[i] as string
        const filled = fillPrompt(prompt, { ...commonValues(moment, page, options), milestone })
        counts.calls++
        const probability = await probabilityOf(requestOf(filled, page, moment, options))
        return probability === undefined ? undefined : probability > threshold
      }),
    )
}

const VERDICTS = ['yes', 'no', 'unclear'] as const

function askAll(model: LanguageModel, options: ModelCheckerOptions): Ask {
  const prompt = options.batchPrompt ?? readBatchPrompt()
  return async (moment, page, open, counts) => {
    const milestones = open.map((i, n) => `${n + 1}. ${moment.milestones[i]}`).join('\n')
    const filled = fillPrompt(prompt, { ...commonValues(moment, page, options), milestones })
    const schema = verdictsFor(open.length)
    counts.calls++
    try {
      const request = requestOf(filled, page, moment, options)
      const { value } = await askFor(model, request, schema, { name: 'verdicts' })
      return open.map((_, n) => {
        const said = value.verdicts.find(({ milestone }) => milestone === n + 1)?.reached
        return said === 'yes' ? true : said === 'no' ? false : undefined
      })
    } catch (error) {
      if (!(error instanceof LanguageModelError) || !UNREADABLE.has(error.code)) throw error
      return open.map(() => undefined)
    }
  }
}

const UNREADABLE = new Set(['LLM_MALFORMED', 'LLM_REFUSED'])

/** Every number from 1 to `count` once. */
function verdictsFor(count: number) {
  const verdict = z.object({ milestone: z.int(), reached: z.enum(VERDICTS) })
  return z.object({ verdicts: z.array(verdict) }).superRefine(({ verdicts }, context) => {
    const numbers = verdicts.map(({ milestone }) => milestone).sort((a, b) => a - b)
    if (numbers.length === count && numbers.every((number, i) => number === i + 1)) return
    context.addIssue({
      code: 'custom',
      path: ['verdicts'],
      message: `expected one verdict for each milestone from 1 to ${count}, received ${numbers.join(', ') || 'none'}`,
    })
  })
}

function commonValues(moment: MilestoneCheck, page: SeenPage, limits: PageLimits) {
  return {
    task: moment.task.intent,
    history: historyText(moment.actions, limits),
    url: page.url,
    page: pageText(page, limits),
    answer:
      moment.answer === undefined ? '' : `The agent has ended with the answer: ${moment.answer || '(none)'}`,
  }
}

function requestOf(
  { system, user }: { system: string; user: string },
  { screenshot }: SeenPage,
  { signal }: MilestoneCheck,
  { vision = true, maxTokens = 4096, thinking }: ModelCheckerOptions,
): ModelRequest {
  return {
    system,
    messages: [{ role: 'user', content: withPicture(user, vision ? screenshot : undefined) }],
    maxTokens,
    temperature: 0,
    ...(thinking === undefined ? {} : { thinking }),
    ...(signal ? { signal } : {}),
  }
}
