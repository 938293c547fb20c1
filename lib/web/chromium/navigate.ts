/**
 * Going somewhere in a tab, as a typed address or a step in its history. What keeps the agent where it is becomes a
 * sentence; a site of the episode that does not answer at all is the environment's failure.
 */
import type { CDPSession, Page } from 'playwright-core'
import { EnvironmentError } from '../errors.ts'
import type { ActOutcome } from '../session.ts'
import type { AllowList } from './allow-list.ts'
import { within } from './deadline.ts'

/** Chromium's words for a server that is not there; anything else may be what was asked for. */
const UNREACHABLE =
  /net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED|ABORTED|FAILED|TIMED_OUT)|ADDRESS_UNREACHABLE|NAME_NOT_RESOLVED|INTERNET_DISCONNECTED|NETWORK_CHANGED|EMPTY_RESPONSE|SSL_PROTOCOL_ERROR|CERT_[A-Z_]+|TUNNEL_CONNECTION_FAILED|PROXY_CONNECTION_FAILED)/

export const unreachable = (failure: string | undefined): boolean =>
  failure !== undefined && UNREACHABLE.test(failure)

/** The absolute address, or the sentence that says why there is none to go to. */
export function resolveAddress(
  address: string,
  base: string,
  allow: AllowList,
): { url: string } | { error: string } {
  const from = URL.canParse(base) && /^https?:/.test(base) ? base : undefined
  if (!URL.canParse(address, from)) return { error: `"${address}" is no address this browser can go to` }
  const { href, protocol } = new URL(address, from)
  if (href === 'about:blank') return { url: href }
  if (protocol !== 'http:' && protocol !== 'https:' && !(protocol === 'file:' && allow.allows(href))) {
    return { error: `"${address}" is no address this browser can go to` }
  }
  if (!allow.allows(href)) return { error: `${href} is not one of this task's sites and cannot be opened` }
  return { url: href }
}

/**
 * Loads `url` and returns when its answer has begun; `status` where it was an HTTP answer, `pending` where none has
 * come and the page is still waiting for it.
 */
export async function load(
  page: Page,
  url: string,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<{ status?: number } | { error: string; pending?: true }> {
  try {
    const going = page.goto(url, { waitUntil: 'commit', timeout: ms })
    const response = await within(`going to ${url}`, going, ms + 500, signal)
    return response ? { status: response.status() } : {}
  } catch (cause) {
    if (signal?.aborted || page.isClosed() || !page.context().browser()?.isConnected()) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    if (unreachable(message)) {
      throw new EnvironmentError(`${url} cannot be reached: ${/net::\w+/.exec(message)?.[0]}`, { cause })
    }
    if (message.includes('net::ERR_ABORTED')) return { error: `${url} opened no page` }
    if (message.includes('Download is starting')) return { error: `${url} is a download, which is refused` }
    if (message.includes('ERR_TOO_MANY_REDIRECTS')) return { error: `${url} redirects without end` }
    const failure = /net::\w+/.exec(message)?.[0]
    if (failure) return { error: `${url} did not load (${failure})` }
    if (message.includes('interrupted by another navigation')) return {}
    return { error: `${url} did not answer within ${Math.round(ms)} ms`, pending: true }
  }
}

/** One step in the tab's history, as its buttons do; the outcome says when there is none. */
export async function travel(
  cdp: CDPSession,
  by: -1 | 1,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<ActOutcome> {
  const history = await within('reading the history', cdp.send('Page.getNavigationHistory'), ms, signal)
  const entry = history.entries[history.currentIndex + by]
  // The empty page that every tab begins with is no page to go back to.
  if (!entry || entry.url === 'about:blank') {
    return { ok: false, error: by < 0 ? 'there is no earlier page' : 'there is no later page' }
  }
  const step = cdp.send('Page.navigateToHistoryEntry', { entryId: entry.id })
  await within('a step in the history', step, ms, signal)
  return { ok: true }
}
