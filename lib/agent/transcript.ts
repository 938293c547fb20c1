/**
 * An episode so far and the page now, as texts for a language model, within budgets of characters. What is left out
 * is said to be left out. Pure.
 */
import { pageText } from '../milestones/page-text.ts'
import type { Observation } from '../web/observation.ts'
import type { Step } from './step.ts'

/** Characters, since models of a provider come without a tokenizer; about four make a token. */
export interface TextBudget {
  maxPageCharacters: number
  maxHistoryCharacters: number
}

/** How much of one line of history, so that a single answer cannot fill the budget. */
const LONGEST_LINE = 600

/** One numbered line per action, the newest kept: what was done, whether it failed, and the agent's note. */
export function historyText(steps: readonly Step[], { maxHistoryCharacters }: TextBudget): string {
  if (steps.length === 0) return '(none)'
  const kept: string[] = []
  let left = maxHistoryCharacters
  for (let i = steps.length - 1; i >= 0; i--) {
    const line = historyLine(steps[i] as Step, i + 1)
    if (line.length > left && kept.length > 0) break
    left -= line.length
    kept.unshift(line)
  }
  const missing = steps.length - kept.length
  return [...(missing > 0 ? [`(${missing} earlier actions left out)`] : []), ...kept].join('\n')
}

function historyLine(step: Step, number: number): string {
  const note = step.said && noteOf(step.said.reply)
  const failed = step.error === undefined ? '' : `   -> not carried out: ${oneLine(step.error)}`
  return cut(
    `${number}. ${oneLine(step.actionText) || '(no action)'}${failed}${note ? `   (note: ${note})` : ''}`,
    LONGEST_LINE,
  )
}

/** What the agent wanted to remember: the last line of a reply that begins with "Note:". */
export function noteOf(reply: string): string | undefined {
  const found = [...reply.matchAll(/^\s*#?\s*Note:\s*(\S.*)$/gim)].at(-1)
  return found?.[1] === undefined ? undefined : oneLine(found[1])
}

/** The page's head, and how much was left out. */
export function shownPage(observation: Pick<Observation, 'text'>, { maxPageCharacters }: TextBudget): string {
  return pageText(observation, { maxPageChars: maxPageCharacters }).trim() || '(empty)'
}

/** Open tabs, where there are several; ends with a line break or is empty. */
export function tabsText({ tabs }: Pick<Observation, 'tabs'>): string {
  if (!tabs || tabs.length < 2) return ''
  const names = tabs.map(({ title, active }, i) => `${i}${active ? ' (shown)' : ''} ${oneLine(title)}`)
  return `Tabs: ${names.join(' | ')}\n`
}

/** What happened by itself since the last page; ends with a line break or is empty. */
export function noticesText({ notices }: Pick<Observation, 'notices'>): string {
  return notices && notices.length > 0 ? `${notices.map(oneLine).join('\n')}\n` : ''
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** Without the half of a character at the end. */
const cut = (text: string, length: number): string => text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '')
