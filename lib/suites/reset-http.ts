/** A reset by HTTP: one request to a server of the user, or BrowserGym's full-reset server, which is asked and polled. */
import { DeadlineError } from '../web/errors.ts'
import { ResetError } from './errors.ts'
import { reasonOf, untilReady } from './ready.ts'

export interface HttpHook {
  kind: 'http'
  url: string
  /** Default POST. */
  method?: string
  headers?: Readonly<Record<string, string>>
  body?: string
  /** Statuses that mean success; default 200 to 299. */
  accept?: readonly number[]
  /** Default 600 000. */
  deadlineMs?: number
}

/**
 * One server that resets every site (WA_FULL_RESET): GET /reset answers 200, or 418 while a reset is running, and
 * GET /status says "Ready for duty!" when it has ended.
 * https://github.com/ServiceNow/BrowserGym/blob/main/browsergym/webarena/src/browsergym/webarena/instance.py
 */
export interface FullResetHook {
  kind: 'full-reset'
  /** Base URL of the server. */
  url: string
  /** Between two looks at /status; default 5000. */
  intervalMs?: number
  /** Default 600 000. */
  deadlineMs?: number
}

export async function requestReset(site: string, hook: HttpHook, signal?: AbortSignal): Promise<void> {
  const { method = 'POST', deadlineMs = 600_000 } = hook
  const status = await request(`the reset of "${site}"`, hook.url, deadlineMs, signal, {
    method,
    headers: { ...hook.headers },
    ...(hook.body === undefined ? {} : { body: hook.body }),
  })
  const fits = hook.accept ? hook.accept.includes(status) : status >= 200 && status < 300
  if (!fits) {
    const expected = hook.accept ? hook.accept.join(' or ') : 'a status from 200 to 299'
    throw new ResetError(
      `the reset of "${site}" expected ${expected} from ${method} ${hook.url}, received ${status}`,
    )
  }
}

export async function fullReset(hook: FullResetHook, signal?: AbortSignal): Promise<void> {
  const { intervalMs = 5000, deadlineMs = 600_000 } = hook
  const base = hook.url.replace(/\/+$/, '')
  const began = performance.now()
  const status = await request('the full reset', `${base}/reset`, deadlineMs, signal, { method: 'GET' })
  // 418: somebody has already asked, and the end of that reset is the end of this one.
  if (status !== 200 && status !== 418) {
    throw new ResetError(
      `the full reset expected 200 (started) or 418 (running) from ${base}/reset, received ${status}`,
    )
  }
  const left = Math.max(1, Math.round(deadlineMs - (performance.now() - began)))
  const ready = { url: `${base}/status`, text: 'Ready for duty!', intervalMs, deadlineMs: left }
  await untilReady('full reset', ready, signal)
}

async function request(
  what: string,
  url: string,
  deadlineMs: number,
  signal: AbortSignal | undefined,
  init: RequestInit,
): Promise<number> {
  const limit = AbortSignal.timeout(deadlineMs)
  try {
    const response = await fetch(url, { ...init, signal: signal ? AbortSignal.any([signal, limit]) : limit })
    await response.arrayBuffer()
    return response.status
  } catch (cause) {
    signal?.throwIfAborted()
    if (limit.aborted)
      throw new DeadlineError(`${what} did not answer at ${url} within ${deadlineMs} ms`, { cause })
    throw new ResetError(`${what} could not reach ${url}: ${reasonOf(cause)}`, { cause })
  }
}
