/**
 * The three published readings of WebArena's evaluators, as data: where they differ is here and nowhere else. vab is
 * VisualAgentBench's (WebRL's and MiRA's numbers), webarena the original's, browsergym BrowserGym's for WebArena-Lite.
 * https://github.com/THUDM/VisualAgentBench https://github.com/web-arena-x/webarena https://github.com/ServiceNow/BrowserGym
 */
import { SINGLE_CHARACTER, SINGLE_TOKEN, SUBSTRING, type TextRules, type Words } from './text.ts'
import { basePathAndQuery, exactUrl, type UrlRule } from './urls.ts'

export const PUBLISHED_DIALECTS = ['vab', 'webarena', 'browsergym'] as const
export type PublishedDialect = (typeof PUBLISHED_DIALECTS)[number]
/** embedded: this project's rules for the embedded suite (embedded.ts). */
export const DIALECT_NAMES = ['embedded', ...PUBLISHED_DIALECTS] as const
export type DialectName = (typeof DIALECT_NAMES)[number]

export type Requirement =
  | 'exact_match'
  | 'must_include'
  | 'must_exclude'
  | 'required_values'
  | 'one_of'
  | 'fuzzy_match'

/** When and on what an episode is judged; for the loop that plays it. */
export interface Conduct {
  /** Judge after every step and end with the first success, even if the agent has not said that it is done. */
  stepwise: boolean
  /** What stands for an answer while there is none (stepwise); undefined = do not judge before there is one. */
  pendingAnswer: string | undefined
  /** What an agent that reports the task as infeasible has answered; undefined = its own words. */
  infeasibleAnswer: string | undefined
  /** Score agents that were stopped, on the answer "Early stop: ...". */
  judgesEarlyStops: boolean
}

export interface Dialect extends Conduct {
  name: PublishedDialect
  text: TextRules
  /** How must_include compares an answer, given the number of references. */
  answerWords(references: number): Words
  /** Whether " |OR| " separates alternatives in must_include of an answer; on pages it always does. */
  answerAlternatives: boolean
  /** What reference_answers may ask; anything else is refused instead of ignored. */
  answerRequirements: readonly Requirement[]
  /** A fuzzy_match list of an answer: one question about all, or one per reference. */
  fuzzyAnswer: 'joined' | 'each'
  url: UrlRule
  /** How must_include compares text from a page. */
  pageWords: Words
  /** What required_contents may ask; of several the first in this order counts. */
  pageRequirements: readonly Requirement[]
  /** Resolve character references in what a locator gave, page source included. */
  unescapesPages: boolean
  /** Whether locators may be lambda: functions. */
  lambdas: boolean
  /** A locator that throws on the page gives "", or fails the check. */
  failedLocator: 'empty' | 'fails'
  /** exact_match on a page also takes numbers and booleans, as Python writes them. */
  exactTakesNumbers: boolean
  /** Any open tab outside the task's sites is a failure. */
  staysOnSite: boolean
  /** An assertion of the published evaluator is a score of 0, not an episode without score (stock only). */
  assertionsFail: boolean
  /** The wait after loading a page of program_html, milliseconds, for pages that do not settle by themselves. */
  settleMs: number
}

const ORIGINAL_ANSWERS = ['exact_match', 'must_include', 'fuzzy_match'] as const

const atTheEnd: Conduct = {
  stepwise: false,
  pendingAnswer: undefined,
  infeasibleAnswer: undefined,
  judgesEarlyStops: true,
}

export const DIALECTS: Readonly<Record<PublishedDialect, Dialect>> = {
  vab: {
    ...atTheEnd,
    name: 'vab',
    text: { strip: false },
    answerWords: () => SINGLE_TOKEN,
    answerAlternatives: true,
    answerRequirements: [
      'exact_match',
      'must_include',
      'must_exclude',
      'required_values',
      'one_of',
      'fuzzy_match',
    ],
    fuzzyAnswer: 'joined',
    url: exactUrl,
    pageWords: SINGLE_TOKEN,
    pageRequirements: ['exact_match', 'must_include', 'must_exclude', 'required_values', 'fuzzy_match'],
    unescapesPages: false,
    lambdas: true,
    failedLocator: 'empty',
    exactTakesNumbers: true,
    staysOnSite: false,
    assertionsFail: false,
    settleMs: 3000,
  },
  webarena: {
    ...atTheEnd,
    name: 'webarena',
    text: { strip: true },
    answerWords: (references) => (references === 1 ? SINGLE_CHARACTER : SUBSTRING),
    answerAlternatives: false,
    answerRequirements: ORIGINAL_ANSWERS,
    fuzzyAnswer: 'each',
    url: basePathAndQuery,
    pageWords: SUBSTRING,
    pageRequirements: ['exact_match', 'must_include'],
    unescapesPages: true,
    lambdas: false,
    failedLocator: 'empty',
    exactTakesNumbers: false,
    staysOnSite: false,
    assertionsFail: false,
    settleMs: 3000,
  },
  browsergym: {
    stepwise: true,
    pendingAnswer: 'whatever',
    infeasibleAnswer: 'N/A',
    judgesEarlyStops: false,
    name: 'browsergym',
    text: { strip: true },
    answerWords: (references) => (references === 1 ? SINGLE_CHARACTER : SUBSTRING),
    answerAlternatives: false,
    answerRequirements: ORIGINAL_ANSWERS,
    fuzzyAnswer: 'each',
    url: basePathAndQuery,
    pageWords: SUBSTRING,
    pageRequirements: ['exact_match', 'must_include', 'fuzzy_match'],
    unescapesPages: false,
    lambdas: true,
    failedLocator: 'fails',
    exactTakesNumbers: false,
    staysOnSite: true,
    assertionsFail: true,
    settleMs: 3000,
  },
}

/** How episodes are conducted under a dialect; the embedded suite scores only agents that say they are done. */
export function conductOf(name: DialectName): Conduct {
  return name === 'embedded' ? { ...atTheEnd, judgesEarlyStops: false } : DIALECTS[name]
}
