/** Whether a site answers again: asked over HTTP until status and text are as expected, or the deadline has passed. */
import { DeadlineError } from '../web/errors.ts'
import { pauseBefore } from './wait.ts'

export interface Readiness {
  url: string
  /** Any of these; default 200 to 399, after redirects. */
  status?: readonly number[]
  /** Text the body contains. */
  text?: string
  headers?: Readonly<Record<string, string>>
  /** Between two looks; default 1000. */
  intervalMs?: number
  /** For one look; default 30 000. */
  requestMs?: number
  /** Altogether; default 600 000. */
  deadlineMs?: number
}

/** Resolves once the site is ready; rejects with DeadlineError saying what came last. */
export async function untilReady(site: string, ready: Readiness, signal?: AbortSignal): Promise<void> {
  const { intervalMs = 1000, requestMs = 30_000, deadlineMs = 600_000 } = ready
  const deadline = performance.now() + deadlineMs
  let last: string | undefined
  do {
    signal?.throwIfAborted()
    const left = Math.max(1, deadline - performance.now())
    const seen = await look(ready, Math.min(requestMs, left), signal)
    if (seen === 'ready') return
    // An answer tells more than a look that the deadline cut short.
    if (seen !== 'no answer' || last === undefined) last = seen
  } while (await pauseBefore(deadline, intervalMs, signal))
  throw new DeadlineError(
    `the site "${site}" was not ready at ${ready.url} within ${deadlineMs} ms: expected ${expectation(ready)}, last came ${last}`,
  )
}

/** "ready" when everything is as expected, else what came; "no answer" when nothing did within `ms`. */
async function look(ready: Readiness, ms: number, signal?: AbortSignal): Promise<string> {
  const limit = AbortSignal.timeout(Math.ceil(ms))
  try {
    const response = await fetch(ready.url, {
      headers: { ...ready.headers },
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    })
    const body = await response.text()
    const statusFits = ready.status ? ready.status.includes(response.status) : response.status < 400
    if (!statusFits) return `status ${response.status}`
    if (ready.text !== undefined && !body.includes(ready.text))
      return `status ${response.status} with the text ${JSON.stringify(body.slice(0, 80))}`
    return 'ready'
  } catch (error) {
    signal?.throwIfAborted()
    if (limit.aborted) return 'no answer'
    return reasonOf(error)
  }
}

/** fetch hides why a connection failed in the cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause =
    error.cause instanceof Error ? error.cause.message || (error.cause as { code?: string }).code : undefined
  return cause ? `${error.message} (${cause})` : error.message
}

function expectation({ status, text }: Readiness): string {
  const what = status ? `status ${status.join(' or ')}` : 'a status below 400'
  return text === undefined ? what : `${what} and the text ${JSON.stringify(text)}`
}
