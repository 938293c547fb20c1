/**
 * What a session leaves behind for whoever has to find out why the environment failed: the console of its pages, the
 * browser's standard error, the address and, while one can be taken, a picture.
 */
import type { BrowserContext, Page } from 'playwright-core'
import { type CrashEvidence, EnvironmentError } from '../errors.ts'
import { within } from './deadline.ts'

const CONSOLE_LINES = 50
const LINE_CHARS = 500
const SCREENSHOT_MS = 2000

/** The last console lines of every page of a context, uncaught errors included. */
export class ConsoleTail {
  readonly lines: string[] = []

  constructor(context: BrowserContext) {
    context.on('console', (message) => this.#add(`${message.type()}: ${message.text()}`))
    context.on('weberror', (error) => this.#add(`uncaught: ${error.error().message}`))
  }

  #add(line: string): void {
    this.lines.push(line.slice(0, LINE_CHARS))
    if (this.lines.length > CONSOLE_LINES) this.lines.shift()
  }
}

export async function collectEvidence(
  page: Page | undefined,
  console: readonly string[],
  stderr: readonly string[],
): Promise<CrashEvidence> {
  const evidence: CrashEvidence = { console: [...console], stderr: [...stderr] }
  if (!page) return evidence
  evidence.url = page.url()
  if (page.isClosed() || !page.context().browser()?.isConnected()) return evidence
  // A page that hangs gives no picture; the deadline is all that this costs.
  const shot = page.screenshot({ timeout: SCREENSHOT_MS, animations: 'disabled' })
  const screenshot = await within('a screenshot', shot, SCREENSHOT_MS).catch(() => undefined)
  if (screenshot) evidence.screenshot = screenshot
  return evidence
}

/** The error as an environment's, with the evidence it does not have yet; its class and code stay where it is one. */
export function withEvidence(error: unknown, evidence: CrashEvidence, doing: string): EnvironmentError {
  if (error instanceof EnvironmentError) {
    return Object.assign(error, { evidence: { ...evidence, ...error.evidence } })
  }
  const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  return new EnvironmentError(`${doing}: ${message}`, { cause: error, evidence })
}
