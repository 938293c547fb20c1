/**
 * Logs an episode's browser in before its first page opens: the sites of the task's storage_state, by form or by
 * header, with cookies kept for the run or made anew for every task. Meant as the `prepare` hook of a browser driver.
 */
import type { BrowserContext, Page } from 'playwright-core'
import type { Task } from '../tasks/task.ts'
import { LoginError, SuiteInputError } from './errors.ts'
import { type Account, LOGIN_FLOWS, type LoginFlow, PUBLISHED_ACCOUNTS } from './login-flows.ts'
import { isLoggedIn, logIn, type SiteLogin } from './login-form.ts'
import { byHeader } from './login-headers.ts'
import type { SiteUrls } from './sites.ts'

export interface LoginOptions {
  /** Where the sites of this task are. */
  sitesOf: (task: Task) => SiteUrls
  /** Over the published ones. */
  accounts?: Readonly<Record<string, Account>>
  /** Over those of WebArena's sites. */
  flows?: Readonly<Record<string, LoginFlow>>
  /**
   * run: log in once per set of sites, look before every task whether that still holds. One episode's sign-out then
   * ends it for those beside it. task: log in for every task, as the published harness does. Default "run".
   */
  keep?: 'run' | 'task'
  /** storage_state: the sites its file name says, as published; sites: every site of the task. Default "storage_state". */
  which?: 'storage_state' | 'sites'
  /** form: fill in the login page. header: the images of webarena-verified; sites without a header use the form. */
  method?: 'form' | 'header'
  /** For each step of a login; default 60 000. */
  stepMs?: number
}

type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>
export type Prepare = (context: BrowserContext, task: Task, signal?: AbortSignal) => Promise<void>

/** Their session cookies have one name: on one host name a browser is logged in to reddit or to a shop, not to both. */
const SHOPS: ReadonlySet<string> = new Set(['shopping', 'shopping_admin'])

/** "./.auth/gitlab.reddit_state.json" -> gitlab, reddit; null -> none. */
export function storageStateSites(storageState: string | null): string[] {
  const name = storageState?.split('/').at(-1) ?? ''
  const end = name.lastIndexOf('_')
  return end <= 0 ? [] : name.slice(0, end).split('.').filter(Boolean)
}

/** The hook; it keeps what it knows for as long as it is kept itself. */
export function loginHook(options: LoginOptions): Prepare {
  const states = new Map<string, Promise<StorageState>>()
  return async (context, task, signal) => {
    const all = loginsOf(task, options)
    const logins = options.method === 'header' ? await byHeader(context, all) : all
    if (logins.length === 0) return
    await inOneTab(context, signal, async (page) => {
      if (options.keep === 'task') return logInAll(page, logins, signal)
      const key = JSON.stringify(logins.map(({ site, url, account }) => [site, url, account.username]))
      // Whoever comes first logs in; the others wait for it, look, and log in themselves where it does not hold.
      for (let tried: Promise<StorageState> | undefined; ; ) {
        const kept = states.get(key)
        if (kept === undefined || kept === tried) break
        tried = kept
        const state = await kept.catch(() => undefined)
        signal?.throwIfAborted()
        if (state && (await restored(context, page, state, logins, signal))) return
      }
      const mine = logInAll(page, logins, signal).then(() => context.storageState())
      states.set(key, mine)
      await mine.catch((error: unknown) => {
        if (states.get(key) === mine) states.delete(key)
        throw error
      })
    })
  }
}

/** Puts a kept login into the context; false, and the context empty again, where it does not hold any more. */
async function restored(
  context: BrowserContext,
  page: Page,
  state: StorageState,
  logins: readonly SiteLogin[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  await context.setStorageState(state)
  for (const login of logins) {
    if (await isLoggedIn(page, login, signal)) continue
    await context.setStorageState({ cookies: [], origins: [] })
    return false
  }
  return true
}

/** One tab for all logins, closed afterwards, and at once when the episode is aborted. */
async function inOneTab(
  context: BrowserContext,
  signal: AbortSignal | undefined,
  work: (page: Page) => Promise<void>,
): Promise<void> {
  signal?.throwIfAborted()
  const page = await context.newPage()
  const close = () => void page.close().catch(() => {})
  signal?.addEventListener('abort', close, { once: true })
  try {
    await work(page)
  } finally {
    signal?.removeEventListener('abort', close)
    await page.close().catch(() => {})
  }
}

/** One after the other: sites on one host see each other's cookies. */
async function logInAll(
  page: Page,
  logins: readonly SiteLogin[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const login of logins) await logIn(page, login, signal)
}

function loginsOf(task: Task, options: LoginOptions): SiteLogin[] {
  const flows = { ...LOGIN_FLOWS, ...options.flows }
  const accounts = { ...PUBLISHED_ACCOUNTS, ...options.accounts }
  const urls = options.sitesOf(task)
  const wanted = options.which === 'sites' ? task.sites : storageStateSites(task.storage_state)
  const logins = [...new Set(wanted)].flatMap((site): SiteLogin[] => {
    const flow = flows[site]
    // map and wikipedia have nobody to log in as.
    if (!flow) return []
    const url = urls[site]
    const account = accounts[site]
    if (url === undefined)
      throw new SuiteInputError(
        `task ${task.task_id} logs in to "${site}", whose URL is not known; set ${site.toUpperCase()}`,
      )
    if (!account)
      throw new SuiteInputError(
        `task ${task.task_id} logs in to "${site}", for which no account is set; give its username and password`,
      )
    return [{ site, url, flow, account, stepMs: options.stepMs ?? 60_000 }]
  })
  refuseSharedCookies(task, logins)
  return logins
}

function refuseSharedCookies(task: Task, logins: readonly SiteLogin[]): void {
  const hostOf = ({ url }: SiteLogin) => new URL(url).hostname
  const forum = logins.find(({ site }) => site === 'reddit')
  const shop = forum && logins.find((login) => SHOPS.has(login.site) && hostOf(login) === hostOf(forum))
  if (!shop) return
  throw new LoginError(
    `task ${task.task_id} cannot be logged in to both "${shop.site}" and "reddit" on the host ${hostOf(shop)}: their session cookies have one name; give the sites different host names, or log in by storage_state`,
  )
}
