/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The shop's page frame: navigation, and the answers for pages that do not exist or need a sign-in. */
import type { Child } from 'hono/jsx'
import { html, type SiteContext } from '../http.ts'
import { type NavLink, Page } from '../layout.tsx'
import { type Store, shopperOf, storeOf } from './store.ts'

const NAV: readonly NavLink[] = [
  { href: '/', text: 'shop' },
  { href: '/cart', text: 'cart' },
  { href: '/orders', text: 'orders' },
  { href: '/wishes', text: 'wishes' },
  { href: '/account', text: 'account' },
]

export function show(c: SiteContext, title: string, children: Child, notice?: string): Response {
  return html(
    c,
    <Page title={title} nav={NAV} {...(notice ? { notice } : {})}>
      {children}
    </Page>,
  )
}

export function missing(c: SiteContext, what: string): Response {
  return html(
    c,
    <Page title="not found" nav={NAV}>
      <p>there is no {what} here</p>
    </Page>,
    404,
  )
}

/** Runs `then` for a signed-in shopper, and shows the way to the sign-in page to everybody else. */
export function asShopper(
  c: SiteContext,
  then: (store: Store, shopper: string) => Response | Promise<Response>,
) {
  const shopper = shopperOf(c.env.world)
  return shopper === '' ? c.redirect('/login', 303) : then(storeOf(c.env.world), shopper)
}
