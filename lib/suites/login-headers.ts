/**
 * Logging in by request header, as the images of webarena-verified allow it: no form, no cookies to keep; the header
 * goes to its own site and to nobody else.
 */
import type { BrowserContext } from 'playwright-core'
import { AUTO_LOGIN_HEADERS } from './login-flows.ts'
import type { SiteLogin } from './login-form.ts'

/** Puts the headers on the context's requests; gives back the logins whose sites know no header. */
export async function byHeader(context: BrowserContext, logins: readonly SiteLogin[]): Promise<SiteLogin[]> {
  const rest: SiteLogin[] = []
  for (const login of logins) {
    const header = AUTO_LOGIN_HEADERS[login.site]?.toLowerCase()
    if (header === undefined) {
      rest.push(login)
      continue
    }
    const { origin } = new URL(login.url)
    const value = `${login.account.username}:${login.account.password}`
    await context.route(
      (url) => url.origin === origin,
      (route) => route.fallback({ headers: { ...route.request().headers(), [header]: value } }),
    )
  }
  return rest
}
