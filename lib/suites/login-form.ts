/**
 * Logging in to one site in a browser tab, and asking whether one is. Every step has a deadline; errors name
 * site and step and never hold the password.
 */
import type { Locator, Page } from 'playwright-core'
import { LoginError } from './errors.ts'
import type { Account, FormElement, LoginFlow } from './login-flows.ts'

export interface SiteLogin {
  /** Name of the site, for errors. */
  site: string
  /** Its base URL, without trailing slash. */
  url: string
  flow: LoginFlow
  account: Account
  /** For each step. */
  stepMs: number
}

/** Logs in and makes sure of it; the page's context then holds the session's cookies. */
export async function logIn(page: Page, login: SiteLogin, signal?: AbortSignal): Promise<void> {
  const { flow, account, url, stepMs: timeout } = login
  const step = steps(page, login, signal)
  await step('open the login page', async () => {
    const response = await page.goto(url + flow.path, { timeout })
    if (response && response.status() >= 400) throw new Error(`it answered ${response.status()}`)
  })
  await step('fill in the user name', () => element(page, flow.username).fill(account.username, { timeout }))
  await step('fill in the password', () => element(page, flow.password).fill(account.password, { timeout }))
  await step('submit the form', async () => {
    const frame = page.mainFrame()
    const answered = page.waitForEvent('framenavigated', { predicate: (one) => one === frame, timeout })
    // A click that fails leaves the other wait to reject unheard.
    answered.catch(() => {})
    await element(page, flow.submit).click({ timeout })
    await answered
    await page.waitForLoadState('domcontentloaded', { timeout })
  })
  await step('reach a page of the user', async () => {
    if (!(await probe(page, login)))
      throw new Error(
        `${url}${probePath(login)} still asks for a login; check the account "${account.username}"`,
      )
  })
}

export function isLoggedIn(page: Page, login: SiteLogin, signal?: AbortSignal): Promise<boolean> {
  return steps(page, login, signal)('look whether the login still holds', () => probe(page, login))
}

const probePath = ({ flow, account }: SiteLogin) =>
  flow.probe.replaceAll('{username}', encodeURIComponent(account.username))

async function probe(page: Page, login: SiteLogin): Promise<boolean> {
  const { flow, url, stepMs: timeout } = login
  const response = await page.goto(url + probePath(login), { timeout, waitUntil: 'domcontentloaded' })
  if (response && response.status() >= 500) throw new Error(`${response.url()} answered ${response.status()}`)
  if (response && response.status() >= 400) return false
  if ('selector' in flow.loggedOut) return (await page.locator(flow.loggedOut.selector).count()) === 0
  return !page.url().startsWith(url + flow.loggedOut.path)
}

function element(page: Page, form: FormElement): Locator {
  if ('label' in form) return page.getByLabel(form.label, { exact: true })
  if ('placeholder' in form) return page.getByPlaceholder(form.placeholder, { exact: true })
  if ('button' in form) return page.getByRole('button', { name: form.button, exact: true })
  return page.locator(form.selector).first()
}

type Step = <T>(name: string, work: () => Promise<T>) => Promise<T>

/** Runs one step; what goes wrong in it becomes a LoginError, but the episode's own abort. */
function steps(page: Page, login: SiteLogin, signal: AbortSignal | undefined): Step {
  return async (name, run) => {
    signal?.throwIfAborted()
    try {
      return await run()
    } catch (error) {
      signal?.throwIfAborted()
      const reason = withoutSecret(error, login.account.password)
      throw new LoginError(`logging in to "${login.site}" failed at the step "${name}": ${reason}`, {
        evidence: { url: page.url() },
      })
    }
  }
}

/** The first line of an error: what follows in Playwright's lists calls with their arguments, the password among them. */
function withoutSecret(error: unknown, secret: string): string {
  const line = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
  return secret === '' ? line : line.replaceAll(secret, '***')
}
