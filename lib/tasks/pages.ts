/**
 * What an evaluator may look at: the page the agent left, and pages opened as the same user beside it. A browser
 * session gives it live; a recording of an episode gives the same answers again without a browser.
 */

/** What a JavaScript expression on a page came to, as JSON can carry it; undefined is not null. */
export type LocatedValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | LocatedValue[]
  | { [key: string]: LocatedValue }

export interface EvaluationPage {
  /** Address after redirects. */
  readonly url: string
  /** Serialised DOM of the live page. */
  html(): Promise<string>
  /**
   * The value of an expression such as document.querySelector('#i').value; rejects with LocatorError when the
   * expression throws on the page or the page cannot evaluate it.
   */
  evaluate(expression: string): Promise<LocatedValue>
}

export interface PageAccess {
  /** The page the agent left, as it stands. */
  last(): Promise<EvaluationPage>
  /** Loads `url` as this session's user without touching the agent's page; closed with the session. */
  open(url: string): Promise<EvaluationPage>
  /** Addresses of all tabs the agent has open. */
  tabs(): Promise<string[]>
}
