/**
 * Scores an ended episode by WebArena's scheme: string_match, url_match and program_html, the score their product. A
 * dialect says whose rules count; what cannot be scored is an error, never a 0.
 */
import { type Check, EvaluationError, type Evidence } from './evaluators/contract.ts'
import { DIALECTS, type Dialect, type DialectName } from './evaluators/dialects.ts'
import { embeddedChecks } from './evaluators/embedded.ts'
import { pageChecks } from './evaluators/program-html.ts'
import { type Scoring, stringChecks } from './evaluators/string-match.ts'
import { urlParse } from './evaluators/urls.ts'
import type { EvaluationPage, PageAccess } from './pages.ts'
import type { Task } from './task.ts'

export {
  type Check,
  EvaluationError,
  type Evidence,
  type Judge,
  type Question,
  type RemoteHelpers,
  UndecidedError,
} from './evaluators/contract.ts'
export {
  type Conduct,
  conductOf,
  DIALECT_NAMES,
  DIALECTS,
  type DialectName,
} from './evaluators/dialects.ts'

export interface EvaluateOptions {
  /** Default: embedded for the embedded suite's tasks, vab for all others. */
  dialect?: DialectName
  /**
   * Keep the published evaluators' assertions: a bare string where a list is expected cannot be scored (browsergym:
   * scores 0). Default false: it counts as a list of one.
   */
  stock?: boolean
  /** Base addresses of the task's sites, for dialects that fail an agent with a tab elsewhere. */
  sites?: readonly string[]
  /** Extra wait after loading a page of program_html, milliseconds; default 0, sessions settle by themselves. */
  settleMs?: number
}

export interface Evaluation {
  /** 1 when every check passed, else 0. */
  score: 0 | 1
  checks: Check[]
  dialect: DialectName
}

export const dialectFor = (task: Task): DialectName => (task.embedded ? 'embedded' : 'vab')

/**
 * @throws EvaluationError when the task or the evidence does not allow a score, UndecidedError when the judge gave
 * none, and whatever the evidence's pages throw when the environment fails
 */
export async function evaluate(
  task: Task,
  evidence: Evidence,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const name = options.dialect ?? dialectFor(task)
  requireSpec(task)
  const checks =
    name === 'embedded'
      ? await embeddedChecks(task, evidence)
      : await publishedChecks(task, evidence, DIALECTS[name], options)
  return { score: checks.every((check) => check.passed) ? 1 : 0, checks, dialect: name }
}

/** A task that states nothing to check must not pass by accident. */
function requireSpec({ task_id, eval: spec }: Task): void {
  const lacks = (what: string): EvaluationError =>
    new EvaluationError(`task ${task_id} cannot be scored: ${what}`)
  for (const type of spec.eval_types) {
    if (type === 'page_image_query')
      throw lacks('page_image_query needs a captioning model, which there is none of')
    if (type === 'string_match' && !spec.reference_answers)
      throw lacks('string_match needs reference_answers')
    if (type === 'url_match' && !spec.reference_url) throw lacks('url_match needs a reference_url')
    if (type === 'program_html' && spec.program_html.length === 0) {
      throw lacks('program_html needs at least one target')
    }
  }
}

async function publishedChecks(
  task: Task,
  evidence: Evidence,
  dialect: Dialect,
  options: EvaluateOptions,
): Promise<Check[]> {
  const pages = following(evidence.pages)
  const scoring: Scoring = {
    task,
    dialect,
    evidence: { ...evidence, pages },
    stock: options.stock ?? false,
  }
  if (dialect.staysOnSite && options.sites) {
    const away = await offSite(evidence, options.sites)
    if (away !== undefined) {
      return [{ type: 'url_match', passed: false, detail: `${away} is outside the task's sites` }]
    }
  }
  const ms = options.settleMs ?? 0
  const settle = async (): Promise<void> => {
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
  }
  const checks: Check[] = []
  try {
    for (const type of task.eval.eval_types) {
      if (type === 'string_match') checks.push(...(await stringChecks(scoring)))
      else if (type === 'url_match') checks.push(await urlCheck(scoring))
      else checks.push(...(await pageChecks(scoring, settle)))
    }
  } catch (error) {
    const asserted = error instanceof EvaluationError && error.upstream === 'AssertionError'
    if (!asserted || !dialect.assertionsFail) throw error
    checks.push({ type: task.eval.eval_types[0] as Check['type'], passed: false, detail: error.message })
  }
  return checks
}

/** Pages of one evaluation: "last" is the page it went to last, as there is only one page in the published ones. */
function following(pages: PageAccess): PageAccess {
  let current: EvaluationPage | undefined
  return {
    last: async () => current ?? pages.last(),
    open: async (url) => {
      current = await pages.open(url)
      return current
    },
    tabs: () => pages.tabs(),
  }
}

async function urlCheck({ task, dialect, evidence }: Scoring): Promise<Check> {
  const { url } = await evidence.pages.last()
  const reference = task.eval.reference_url as string
  const passed = dialect.url(reference, url, task.eval.url_note)
  return { type: 'url_match', passed, detail: `${url} against ${reference}` }
}

/** The first tab that is neither blank nor on one of the sites, by host and port. */
async function offSite({ pages }: Evidence, sites: readonly string[]): Promise<string | undefined> {
  const allowed = new Set(['', ...sites.map((site) => urlParse(site).netloc)])
  return (await pages.tabs()).find((url) => !allowed.has(urlParse(url).netloc))
}
