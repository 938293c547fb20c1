/** What of a page and of an episode goes into a prompt: cut to a length, said in one way by every user of it. */
import type { ContentPart } from '../llm/model.ts'
import type { SeenPage } from './checker.ts'

export interface PageLimits {
  /** Longest page text, UTF-16 units; about four make a token. Default 24,000. */
  maxPageChars?: number
  /** Most actions shown, the latest. Default 40. */
  maxActions?: number
}

/** Head of the page: what it is about stands there, and long lists go on alike. */
export function pageText(
  { text }: Pick<SeenPage, 'text'>,
  { maxPageChars = 24_000 }: PageLimits = {},
): string {
  if (text.length <= maxPageChars) return text
  return `${wellFormed(text.slice(0, maxPageChars))}\n(cut: ${text.length - maxPageChars} more characters)`
}

/** Numbered from the episode's first action; "(none)" before it. */
export function historyText(actions: readonly string[], { maxActions = 40 }: PageLimits = {}): string {
  if (actions.length === 0) return '(none)'
  const skipped = Math.max(0, actions.length - maxActions)
  const shown = actions.slice(skipped).map((action, i) => `${skipped + i + 1}. ${action}`)
  return [...(skipped > 0 ? [`(${skipped} earlier actions not shown)`] : []), ...shown].join('\n')
}

/** The user's turn, with the picture behind the text where there is one to be shown. */
export function withPicture(text: string, screenshot: Uint8Array | undefined): string | ContentPart[] {
  if (!screenshot) return text
  return [
    { type: 'text', text },
    { type: 'image', png: screenshot },
  ]
}

/** Without the half of a character at the end. */
function wellFormed(text: string): string {
  return /[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text
}
