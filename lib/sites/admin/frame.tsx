/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The back office's page frame and the helpers of its lists. */
import type { Child } from 'hono/jsx'
import { html, type SiteContext } from '../http.ts'
import { type NavLink, Page } from '../layout.tsx'

const NAV: readonly NavLink[] = [
  { href: '/orders', text: 'orders' },
  { href: '/products', text: 'products' },
  { href: '/customers', text: 'customers' },
  { href: '/reviews', text: 'reviews' },
  { href: '/reports', text: 'reports' },
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

/** The search text of a list page, and the address of another page of the same results. */
export function query(c: SiteContext, path: string) {
  const q = (c.req.query('q') ?? '').trim().toLowerCase()
  return {
    q,
    href: (page: number) => `${path}?${new URLSearchParams({ ...(q ? { q } : {}), page: String(page) })}`,
  }
}
