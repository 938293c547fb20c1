/** The settings of this room, as the configuration's section `llm` has them; the defaults live there. */
import { llm } from '../config/sections/llm.ts'
import type { z } from 'zod'
import { LanguageModelError } from './errors.ts'

export { llm as languageModelSettings } from '../config/sections/llm.ts'

export type LanguageModelSettings = z.output<typeof llm>
/** What a caller may leave out: everything. */
export type LanguageModelSettingsInput = z.input<typeof llm>

/** "planner", "rater", "judge". */
export type ModelRole = keyof LanguageModelSettings['models']

/** @throws LanguageModelError LLM_BAD_REQUEST naming the first wrong field */
export function parseSettings(input: LanguageModelSettingsInput = {}): LanguageModelSettings {
  const result = llm.safeParse(input)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = ['llm', ...(issue?.path ?? [])].join('.')
  throw new LanguageModelError('LLM_BAD_REQUEST', `${field}: ${issue?.message}`, { cause: result.error })
}
