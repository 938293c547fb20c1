/**
 * What WebRL's outcome reward model reads: intent, all actions, the last page (THUDM/WebRL scripts/process_data.py).
 * The form of the instruction is fixed, models are trained on it; the system text can be replaced by the published
 * one. Scores nothing.
 */
import { strip } from './text.ts'

export interface OrmParts {
  intent: string
  /** Raw replies, comment lines included, oldest first. */
  replies: readonly string[]
  /** The page the last action was chosen on. */
  page: string
}

/** Our own wording; readSystemText (agent-system.ts) reads another from a file. */
export const ORM_SYSTEM =
  'You judge whether a web agent did what its user asked for. You are given the intent of the user, the actions of ' +
  'the agent in their order and the page as the agent saw it last. Decide from them alone whether the task was ' +
  'carried out completely and correctly. Answer with the single word YES or NO.'

export const ormHead = (intent: string) => `The User Intent:\n${strip(intent)}\n\nAction History:\n`

/** One action on one line. */
export const ormAction = (reply: string) => `${strip(reply.split('\n').join('; '))}\n`

export const ORM_PAGE = '\nThe Current Screenshot:\n'

/** The instruction, whole. */
export function ormInstruction({ intent, replies, page }: OrmParts): string {
  return `${ormHead(intent)}${replies.map(ormAction).join('')}${ORM_PAGE}${strip(page)}`
}

/** The raw prompt of the published Llama-3.1 checkpoint, for a completions endpoint that adds no tokens of its own. */
export function ormLlamaPrompt(system: string, instruction: string): string {
  const turn = (role: string, text: string) =>
    `<|start_header_id|>${role}<|end_header_id|>\n\n${text}<|eot_id|>`
  const open = '<|start_header_id|>assistant<|end_header_id|>\n\n'
  return `<|begin_of_text|>${turn('system', system)}${turn('user', instruction)}${open}`
}

/**
 * Parts that fit a budget in any unit: the page is cut at its end first, to a quarter of the budget, then the oldest
 * actions go, so that intent, last actions and the end of the prompt always stay. Upstream cuts at the end, the turn that asks included.
 * @param budget Units for the instruction
 * @param measure Units of a text that joins others
 * @param cut The longest beginning of a text that has at most that many units
 */
export function fitOrmParts(
  parts: OrmParts,
  budget: number,
  measure: (text: string) => number,
  cut: (text: string, units: number) => string,
): OrmParts {
  let left = budget - measure(ormHead(parts.intent)) - measure(ORM_PAGE)
  const page = strip(parts.page)
  const pageUnits = measure(page)
  // Without a look at the page no outcome can be judged: a quarter of the budget is its own.
  const reserved = Math.min(pageUnits, Math.floor(budget / 4))
  let from = parts.replies.length
  while (from > 0) {
    const units = measure(ormAction(parts.replies[from - 1] as string))
    if (units > left - reserved) break
    left -= units
    from--
  }
  const fitting = pageUnits <= left ? page : cut(page, Math.max(0, left))
  return { intent: parts.intent, replies: parts.replies.slice(from), page: fitting }
}
