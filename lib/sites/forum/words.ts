/** The forum's vocabulary, taken from the lexicon shared by all sites; only the reasons of a report are its own. */
export {
  ASPECTS,
  MOODS,
  OPINIONS,
  PEOPLE,
  PROJECTS as PASSWORDS,
  SECTIONS,
  TOPICS,
} from '../lexicon.ts'

export const REPORT_REASONS = ['spam', 'rude', 'copied'] as const
