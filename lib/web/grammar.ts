/**
 * What a model's text means as an action, in the grammar it was trained or prompted for. Parsing never throws and
 * never evaluates anything: text that is no action is an action of kind "invalid" with the reason.
 */
import type { Action } from './action.ts'
import { parseAction } from './grammar-mira.ts'
import { parseVab } from './grammar-vab.ts'
import { parseWebArena } from './grammar-webarena.ts'

export { formatAction, parseAction } from './grammar-mira.ts'

/**
 * mira: the default, a superset of WebRL's. vab: VisualAgentBench's parser with its exact failures, for published
 * numbers. webarena: `click [id]` and its like, for prompted models.
 */
export const GRAMMARS = ['mira', 'vab', 'webarena'] as const
export type Grammar = (typeof GRAMMARS)[number]

const PARSERS: Readonly<Record<Grammar, (text: string) => Action>> = {
  mira: parseAction,
  vab: parseVab,
  webarena: parseWebArena,
}

export function parseWith(grammar: Grammar, text: string): Action {
  return PARSERS[grammar](text)
}
