/**
 * The helper calls a task may name, "func:reddit_get_post_url('__last_url__')": read by a small strict grammar and
 * looked up by name, never evaluated. Helpers that ask a server are given from outside (magento.ts).
 */
import { LocatorError, UnsupportedLocatorError } from '../locator.ts'
import type { EvaluationPage, LocatedValue } from '../pages.ts'
import { EvaluationError, type RemoteHelpers } from './contract.ts'
import { urlParse } from './urls.ts'

/** A string, or the page itself where the task writes __page__. */
type Argument = { text: string } | 'page'

export interface HelperCall {
  name: string
  args: Argument[]
}

const NAME = /^\s*([A-Za-z_]\w*)\s*\(/
const ARGUMENT = /^\s*(?:(__page__)|'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")\s*/
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', "'": "'", '"': '"', '\\': '\\' }

/**
 * @param expression what stands behind "func:"
 * @throws EvaluationError for anything but NAME(ARGUMENT, ...) with strings and __page__
 */
export function parseHelperCall(expression: string): HelperCall {
  const refuse = (): EvaluationError =>
    new EvaluationError(
      `func: expected a call such as reddit_get_post_url('__last_url__') with strings or __page__, received "${expression}"`,
    )
  const name = NAME.exec(expression)
  if (!name) throw refuse()
  let rest = expression.slice(name[0].length)
  const args: Argument[] = []
  while (!/^\s*\)\s*$/.test(rest)) {
    if (args.length > 0) {
      if (!/^\s*,/.test(rest)) throw refuse()
      rest = rest.replace(/^\s*,/, '')
    }
    const argument = ARGUMENT.exec(rest)
    if (!argument) throw refuse()
    args.push(argument[1] ? 'page' : { text: unescapeString(argument[2] ?? (argument[3] as string), refuse) })
    rest = rest.slice(argument[0].length)
  }
  return { name: name[1] as string, args }
}

function unescapeString(text: string, refuse: () => EvaluationError): string {
  return text.replace(/\\(.)/gs, (_, char: string) => {
    const plain = ESCAPES[char]
    if (plain === undefined) throw refuse()
    return plain
  })
}

/** Runs a call. `page` is the page the evaluation stands on; __last_url__ in strings is its address. */
export async function runHelper(
  call: HelperCall,
  page: EvaluationPage,
  remote: RemoteHelpers,
): Promise<LocatedValue> {
  const [first, ...others] = call.args
  const texts = call.args.map((argument) =>
    argument === 'page' ? undefined : argument.text.replaceAll('__last_url__', page.url),
  )
  const known = `${call.name}(${call.args.map((one) => (one === 'page' ? '__page__' : JSON.stringify(one.text))).join(', ')})`
  if (call.name === 'reddit_get_post_url' && call.args.length === 1 && texts[0] !== undefined) {
    return redditPostUrl(texts[0])
  }
  // The misspelling is the published name.
  if (
    call.name === 'gitlab_get_project_memeber_role' &&
    first === 'page' &&
    others.length === 1 &&
    texts[1]
  ) {
    return gitlabMemberRole(page, texts[1])
  }
  const helper = Object.hasOwn(remote, call.name) ? remote[call.name] : undefined
  if (!helper) {
    throw new EvaluationError(
      `func: no helper ${known}; known are reddit_get_post_url(url), gitlab_get_project_memeber_role(__page__, name) and ${Object.keys(remote).join(', ') || 'none that asks a server: give the shop and its account'}`,
    )
  }
  if (texts.includes(undefined)) throw new EvaluationError(`func: ${known} takes strings, received __page__`)
  return helper(...(texts as string[]))
}

/** http://host/f/FORUM/ID/anything -> http://host/f/FORUM/ID/; any other address as it is. */
export function redditPostUrl(url: string): string {
  const { scheme, netloc, path } = urlParse(url)
  const parts = path.split('/')
  return parts.length < 4 || parts[1] !== 'f' ? url : `${scheme}://${netloc}/f/${parts[2]}/${parts[3]}/`
}

/** The role beside "@name" in GitLab's table of members, "" where the table or the name is missing. */
export async function gitlabMemberRole(page: EvaluationPage, name: string): Promise<LocatedValue> {
  const accounts = `td[data-label='Account'] span.gl-avatar-labeled-sublabel`
  const expression = `document.querySelectorAll('td.col-max-role span')[[...document.querySelectorAll(${JSON.stringify(accounts)})].findIndex((element) => element.outerText === ${JSON.stringify(`@${name}`)})].outerText`
  try {
    return await page.evaluate(expression)
  } catch (error) {
    if (error instanceof LocatorError && !(error instanceof UnsupportedLocatorError)) return ''
    throw error
  }
}
