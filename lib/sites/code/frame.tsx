/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The code host's page frame, and the answer for what does not exist. */
import type { Child } from 'hono/jsx'
import { html, type SiteContext } from '../http.ts'
import { Page } from '../layout.tsx'

const NAV = [
  { href: '/', text: 'home' },
  { href: '/account', text: 'account' },
]

export function show(c: SiteContext, title: string, children?: Child, notice?: string): Response {
  return html(
    c,
    <Page title={title} nav={NAV} {...(notice === undefined ? {} : { notice })}>
      {children}
    </Page>,
  )
}

export function missing(c: SiteContext): Response {
  return html(c, <Page title="missing" nav={NAV} />, 404)
}
