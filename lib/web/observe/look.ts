/**
 * What all observers share: their options, a deadline for a look at the page, and looking again when a navigation
 * came in between.
 */
import type { Page } from 'playwright-core'
import { EnvironmentError } from '../errors.ts'
import { pause, within } from '../chromium/deadline.ts'

export interface ObserverOptions {
  /** Milliseconds for one look, repetitions included. */
  deadlineMs: number
  /** Longest text in code points; what is beyond is cut and marked. Ignored by the vab dialect, which has no cap. */
  maxText: number
  /** Whether the content of a frame with this address may be shown. */
  allows: (url: string) => boolean
  /** axtree: only what is in the viewport. */
  viewportOnly: boolean
  /**
   * vab: text as the published parser reads it, which garbles what is not ASCII on a page that names no charset.
   * False: text is what the page says.
   */
  latin1: boolean
  /** vab: wait as long as the published harness does between its steps, 0.8 s a look. */
  pauses: boolean
}

export const DEFAULTS: ObserverOptions = {
  deadlineMs: 30_000,
  maxText: 400_000,
  allows: () => true,
  viewportOnly: true,
  latin1: true,
  pauses: true,
}

const PAUSE_MS = 100

/** Failures that are not the doing of a navigation are repeated only this often. */
const TRIES = 3

const NAVIGATED = /context was destroyed|cannot find context|navigat|detached|frame .*not found|no frame/i
const LOST = /crashed|has been closed|browser closed|session closed/i

/** Repeats `attempt` until it succeeds; rejects with EnvironmentError or DeadlineError only. */
export async function looking<T>(page: Page, deadlineMs: number, attempt: () => Promise<T>): Promise<T> {
  const end = Date.now() + deadlineMs
  const evidence = () => ({ evidence: { url: page.url() } })
  // What was asked of a page that crashes is never answered.
  let lose: ((error: Error) => void) | undefined
  const lost = new Promise<never>((_, reject) => {
    lose = reject
  })
  lost.catch(() => {})
  const crashed = () => lose?.(new EnvironmentError('the page crashed while it was observed', evidence()))
  const closed = () => lose?.(new EnvironmentError('the page was closed while it was observed', evidence()))
  page.once('crash', crashed)
  page.once('close', closed)
  try {
    if (page.isClosed()) closed()
    return await Promise.race([lost, repeating(page, end, attempt)])
  } finally {
    page.off('crash', crashed)
    page.off('close', closed)
  }
}

async function repeating<T>(page: Page, end: number, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; ) {
    const what = `observing ${page.url().slice(0, 200)}`
    try {
      return await within(what, attempt(), end - Date.now())
    } catch (cause) {
      if (cause instanceof EnvironmentError) throw cause
      const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)
      if (!NAVIGATED.test(message)) tries++
      if (LOST.test(message) || tries > TRIES || Date.now() + PAUSE_MS >= end)
        throw new EnvironmentError(`${what} failed: ${message}`, { cause, evidence: { url: page.url() } })
      await pause(PAUSE_MS)
    }
  }
}

/** The value, or undefined when it fails or is not there after `ms`. */
export async function settle<T>(what: string, work: Promise<T>, ms: number): Promise<T | undefined> {
  try {
    return await within(what, work, ms)
  } catch {
    return undefined
  }
}

/** Cuts in code points and says so; an interrupted tag is dropped whole. */
export function capped(text: string, max: number): string {
  if (text.length <= max) return text
  const points = Array.from(text)
  if (points.length <= max) return text
  const kept = points
    .slice(0, max)
    .join('')
    .replace(/<[^<>]*$/, '')
  return `${kept.trimEnd()} [the page goes on for ${points.length - Array.from(kept).length} characters]`
}
