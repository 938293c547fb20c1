/**
 * A language model prompted to act: our own instructions for the grammar in use (or a file's), the checklist where a
 * planner guides it, what was done so far and the page, with its picture where there is one.
 */
import { createHash } from 'node:crypto'
import type { LanguageModel } from '../llm/model.ts'
import { withPicture } from '../milestones/page-text.ts'
import { fillPrompt, type Prompt, readPrompt } from '../milestones/prompt-file.ts'
import type { Grammar } from '../web/grammar.ts'
import { checklistText } from './checklist.ts'
import type { Guidance } from './guide.ts'
import { spentOn } from './spent.ts'
import type { TextPolicy, TextRequest } from './text-policy.ts'
import { historyText, noticesText, shownPage, type TextBudget, tabsText } from './transcript.ts'

const PLACEHOLDERS = {
  required: ['intent', 'history', 'page'],
  optional: ['checklist', 'url', 'tabs', 'notices', 'addressing'],
} as const
export type ActingPrompt = Prompt<(typeof PLACEHOLDERS)['required' | 'optional'][number]>

/**
 * Our prompt for a grammar, or the file's.
 * @throws PromptError naming what is wrong with it
 */
export function actingPrompt(grammar: Grammar, file?: string): ActingPrompt {
  const own = grammar === 'webarena' ? 'act-webarena.md' : 'act-do.md'
  return readPrompt(file ?? new URL(`./prompts/${own}`, import.meta.url), PLACEHOLDERS)
}

export interface PromptedOptions extends TextBudget {
  prompt: ActingPrompt
  /** Reasoning tokens; absent = the model's own way. */
  thinking?: number | 'auto'
  /** Longest reply, tokens, thinking included. */
  maxTokens?: number
  /** Show the screenshot, where there is one. */
  images: boolean
}

export function promptedPolicy(model: LanguageModel, options: PromptedOptions): TextPolicy {
  return {
    name: model.name,
    async say(request) {
      const { observation, temperature, seed, signal } = request
      const { system, user } = fillPrompt(options.prompt, valuesOf(request, options))
      const png = options.images ? observation.screenshot : undefined
      const reply = await model.generate({
        system,
        messages: [{ role: 'user', content: withPicture(user, png) }],
        temperature,
        // Greedy replies to one prompt are one reply, however often a task is played.
        ...(temperature > 0 ? { seed: Number(seed & 0x7fffffffn) } : {}),
        ...(options.thinking === undefined ? {} : { thinking: options.thinking }),
        ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
        ...(signal ? { signal } : {}),
      })
      const hash = createHash('sha256').update(JSON.stringify([system, user]))
      if (png) hash.update(png)
      return {
        // What a provider withheld is no action.
        reply: reply.finish === 'refused' ? '' : reply.text,
        promptHash: hash.digest('hex'),
        spent: spentOn(reply),
      }
    },
  }
}

function valuesOf({ task, observation, steps, guidance }: TextRequest, budget: TextBudget) {
  return {
    intent: task.intent,
    addressing: HOW_NAMED[observation.addressing],
    checklist: guidance ? guidanceText(guidance) : '',
    history: historyText(steps, budget),
    url: observation.url,
    tabs: tabsText(observation),
    notices: noticesText(observation),
    page: shownPage(observation, budget),
  }
}

const HOW_NAMED = {
  id: 'An element is named by its number on the page.',
  name: 'An element is named by its visible text, as it stands on the page.',
} as const

/** The checklist as the agent reads it; "" where there is none. */
function guidanceText({ plan, stalled }: Guidance): string {
  const { milestones, z, target, next } = plan
  if (milestones.length === 0) return ''
  const all = !z.includes(0)
  const advice = [
    ...(next === undefined ? [] : [`Next: ${next}`]),
    ...(all ? ['Everything on the checklist is done: finish, unless the task asks for more.'] : []),
    ...(stalled && !all ? ['The last actions led nowhere: try another way.'] : []),
  ]
  return `Checklist:\n${[checklistText({ milestones, z: Uint8Array.from(z) }, target), ...advice].join('\n')}`
}
