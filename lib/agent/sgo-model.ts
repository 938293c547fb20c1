/**
 * SGO's questions asked of language models: one model for everything, in one structured call per step, or a rater apart
 * from the planner. What a checklist is made from at the start is lib/milestones' matter.
 */
import { z } from 'zod'
import type { LanguageModel } from '../llm/model.ts'
import { askFor } from '../llm/structured.ts'
import { withPicture } from '../milestones/page-text.ts'
import { fillPrompt, type Prompt, readPrompt } from '../milestones/prompt-file.ts'
import { type Checklist, checklistText } from './checklist.ts'
import type { GuideView } from './guide.ts'
import type { Planner, Rater } from './sgo.ts'
import { type Spent, spentOn } from './spent.ts'
import { historyText, shownPage, type TextBudget } from './transcript.ts'

const PLACEHOLDERS = {
  required: ['intent', 'checklist', 'page'],
  optional: ['history', 'url', 'stall', 'most'],
} as const
type SgoPrompt = Prompt<(typeof PLACEHOLDERS)['required' | 'optional'][number]>
const FILES = {
  assess: 'sgo-assess.md',
  rate: 'sgo-rate.md',
  next: 'sgo-next.md',
  revise: 'sgo-revise.md',
} as const
export type SgoPrompts = Readonly<Record<keyof typeof FILES, SgoPrompt>>

/**
 * @param folder with files of the same names, in place of ours
 * @throws PromptError naming the file and what is wrong with it
 */
export function sgoPrompts(folder?: string): SgoPrompts {
  const read = (name: keyof typeof FILES) =>
    readPrompt(
      folder === undefined
        ? new URL(`./prompts/${FILES[name]}`, import.meta.url)
        : `${folder}/${FILES[name]}`,
      PLACEHOLDERS,
    )
  return { assess: read('assess'), rate: read('rate'), next: read('next'), revise: read('revise') }
}

export interface AskOptions extends TextBudget {
  prompts: SgoPrompts
  /** Reasoning tokens per question; absent = the model's own way. */
  thinking?: number | 'auto'
  /** Longest reply, tokens, thinking included. */
  maxTokens?: number
  /** Show the screenshot, where there is one. */
  images: boolean
}

/** Milestones of a revised plan at most. */
const MOST_REVISED = 6

// Bounds are checked here and not in the JSON schema: strict modes of servers do not know all of them.
const text = z
  .string()
  .transform((said) => said.replace(/\s+/g, ' ').trim())
  .pipe(z.string().min(1, 'expected a sentence, received an empty text'))

/** All three questions in one call. */
export function modelAssessor(model: LanguageModel, options: AskOptions): Rater {
  return {
    async rate(view, list, target) {
      const answer = z.object({ ...verdicts(list), next: text, note: z.string() })
      const { value, spent } = await ask(model, options, 'assess', view, { list, target }, answer)
      const { next, note } = value
      return { achieved: achieved(value, target), next, note, spent }
    },
  }
}

/** The first two. */
export function modelRater(model: LanguageModel, options: AskOptions): Rater {
  return {
    async rate(view, list, target) {
      const answer = z.object({ ...verdicts(list), note: z.string() })
      const { value, spent } = await ask(model, options, 'rate', view, { list, target }, answer)
      return { achieved: achieved(value, target), note: value.note, spent }
    },
  }
}

/**
 * A planner that words what comes next and makes another plan for an agent that is stuck.
 * @param plan makes the checklist
 * @param asks "revise" only, where the rater says what comes next
 */
export function modelPlanner(
  model: LanguageModel,
  options: AskOptions,
  plan: Planner['plan'],
  asks: 'next-and-revise' | 'revise',
): Planner {
  const planner: Planner = {
    plan,
    async revise(view, list) {
      const answer = z.object({ milestones: z.array(text).refine(someButNotMore, SOME) })
      const { value, spent } = await ask(model, options, 'revise', view, { list }, answer)
      return { milestones: value.milestones, spent }
    },
  }
  if (asks === 'revise') return planner
  return {
    ...planner,
    async next(view, list, target) {
      const answer = z.object({ next: text, note: z.string() })
      const { value, spent } = await ask(model, options, 'next', view, { list, target }, answer)
      return { ...value, spent }
    },
  }
}

const SOME = `expected 1 to ${MOST_REVISED} milestones`
const someButNotMore = ({ length }: readonly string[]) => length > 0 && length <= MOST_REVISED

function verdicts({ milestones }: Checklist) {
  const K = milestones.length
  const all = z
    .array(z.boolean())
    .refine((list) => list.length === K, `expected ${K} answers, one per milestone`)
  return { achieved: all, current_done: z.boolean() }
}

/**
 * The milestone aimed at counts only when both questions say so: a hallucinated success is what makes an agent move
 * on too early, and it is asked about in two ways for that reason.
 */
function achieved(
  answer: { achieved: readonly boolean[]; current_done: boolean },
  target: number | undefined,
): Uint8Array {
  return Uint8Array.from(answer.achieved, (yes, k) => (yes && (k !== target || answer.current_done) ? 1 : 0))
}

async function ask<S extends z.ZodType>(
  model: LanguageModel,
  options: AskOptions,
  question: keyof SgoPrompts,
  { task, observation, steps, answer, signal }: GuideView,
  { list, target }: { list: Checklist; target?: number | undefined },
  schema: S,
): Promise<{ value: z.output<S>; spent: Spent }> {
  const { system, user } = fillPrompt(options.prompts[question], {
    intent: task.intent,
    checklist: checklistText(list, target),
    history: historyText(steps, options),
    url: observation.url,
    page: shownPage(observation, options),
    stall: String(list.stall),
    most: String(MOST_REVISED),
  })
  const said = answer === undefined ? '' : `\n\nThe agent has finished with the answer: ${answer || '(none)'}`
  const png = options.images ? observation.screenshot : undefined
  const reply = await askFor(
    model,
    {
      system,
      messages: [{ role: 'user', content: withPicture(`${user}${said}`, png) }],
      temperature: 0,
      ...(options.thinking === undefined ? {} : { thinking: options.thinking }),
      ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
      ...(signal ? { signal } : {}),
    },
    schema,
    { name: question === 'revise' ? 'milestones' : 'assessment' },
  )
  return { value: reply.value, spent: spentOn(reply.reply, reply.usage) }
}
