/**
 * One browser: found on this machine and started, or reached at an endpoint. Gives the Playwright browser, the last
 * lines of its standard error and a close that always ends. Playwright is loaded here, at the first launch, so that
 * whoever needs no browser needs no Playwright.
 */
import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import type { Browser, BrowserServer } from 'playwright-core'
import { EnvironmentError } from '../errors.ts'
import { within } from './deadline.ts'
import type { BrowserOptions } from './options.ts'

// The headless shell draws no window, not even an unseen one, and takes less than half of the processor time.
const HEADLESS_NAMES = ['chromium-headless-shell', 'chrome-headless-shell']
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const STDERR_LINES = 40

export interface RunningBrowser {
  readonly browser: Browser
  /** Process id of a browser that was started here. */
  readonly pid: number | undefined
  /** Last lines the process wrote to standard error; [] for a remote one. */
  stderr(): string[]
  /** Ends the process, or lets go of the remote browser; killed after `ms`. Never rejects. */
  close(ms: number): Promise<void>
}

/** No browser where one was looked for; the message says what to install. */
export class BrowserMissingError extends EnvironmentError {
  override readonly code = 'BROWSER_MISSING'
  override name = 'BrowserMissingError'
}

/**
 * Path of a Chromium on this machine: the option, MIRA_CHROMIUM, then the usual names on PATH, the headless shell
 * first where nobody wants to look at it.
 */
export async function findChromium(
  executablePath?: string,
  environment: NodeJS.ProcessEnv = process.env,
  headless = true,
): Promise<string> {
  const named = executablePath ?? environment.MIRA_CHROMIUM
  if (named) {
    if (await executable(named)) return named
    const source = executablePath === undefined ? 'MIRA_CHROMIUM' : 'browser.executablePath'
    throw new BrowserMissingError(
      `${source} expects the path of a Chromium, received "${named}", which is no program`,
    )
  }
  const folders = (environment.PATH ?? '').split(delimiter).filter(Boolean)
  for (const name of headless ? [...HEADLESS_NAMES, ...NAMES] : NAMES) {
    for (const folder of folders) {
      const path = join(folder, name)
      if (await executable(path)) return path
    }
  }
  throw new BrowserMissingError(
    `no Chromium found (looked for ${NAMES.join(', ')} on PATH): install one, for example "apt-get install chromium", or name it in MIRA_CHROMIUM`,
  )
}

const executable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )

export async function launchBrowser(options: BrowserOptions, signal?: AbortSignal): Promise<RunningBrowser> {
  const { chromium } = await import('playwright-core').catch((cause: unknown) => {
    throw new BrowserMissingError('the package playwright-core cannot be loaded: run npm install', { cause })
  })
  const timeout = options.deadlines.launch
  const { endpoint } = options
  if (endpoint) {
    const reach =
      endpoint.kind === 'cdp'
        ? chromium.connectOverCDP(endpoint.url, { timeout })
        : chromium.connect(endpoint.url, { timeout })
    try {
      const browser = await within(`reaching the browser at ${endpoint.url}`, reach, timeout, signal)
      return running(browser, undefined)
    } catch (cause) {
      reach.then((browser) => browser.close()).catch(() => {})
      if (signal?.aborted) throw cause
      throw new EnvironmentError(
        `no browser answers at ${endpoint.url} (${endpoint.kind}): ${firstLine(cause)}`,
        {
          cause,
        },
      )
    }
  }
  const executablePath = await findChromium(options.executablePath, process.env, options.headless)
  const sandbox = options.sandbox === 'auto' ? process.getuid?.() !== 0 : options.sandbox === 'on'
  // A server of our own process rather than a plain launch: only this way are the process and its standard error at hand.
  const start = chromium.launchServer({
    executablePath,
    headless: options.headless,
    chromiumSandbox: sandbox,
    args: [...options.args],
    timeout,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  })
  let server: BrowserServer | undefined
  try {
    server = await within(`starting ${executablePath}`, start, timeout, signal)
    const browser = await within(
      `reaching ${executablePath}`,
      chromium.connect(server.wsEndpoint()),
      timeout,
      signal,
    )
    return running(browser, server)
  } catch (cause) {
    start.then((late) => late.kill()).catch(() => {})
    if (signal?.aborted) throw cause
    throw new EnvironmentError(`${executablePath} does not start: ${firstLine(cause)}`, { cause })
  }
}

function running(browser: Browser, server: BrowserServer | undefined): RunningBrowser {
  const child = server?.process()
  const lines = child ? tail(child) : []
  let closing: Promise<void> | undefined
  return {
    browser,
    pid: child?.pid,
    stderr: () => [...lines],
    close(ms) {
      closing ??= (async () => {
        const orderly = Promise.resolve(browser.close()).then(() => server?.close())
        await within('closing the browser', orderly, ms).catch(() => {})
        if (server && child && child.exitCode === null && child.signalCode === null) {
          await within('killing the browser', server.kill(), ms).catch(() => child.kill('SIGKILL'))
        }
      })()
      return closing
    },
  }
}

function tail(child: ChildProcess): string[] {
  const lines: string[] = []
  let rest = ''
  child.stderr?.on('data', (data: Buffer) => {
    const parts = (rest + data.toString('utf8')).split('\n')
    rest = (parts.pop() ?? '').slice(-2000)
    for (const part of parts) lines.push(stripVTControlCharacters(part).slice(0, 500))
    if (lines.length > STDERR_LINES) lines.splice(0, lines.length - STDERR_LINES)
  })
  return lines
}

const firstLine = (error: unknown): string =>
  stripVTControlCharacters(error instanceof Error ? error.message : String(error)).split('\n')[0] as string
