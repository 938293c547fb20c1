/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The forum's page frame, and the page for what does not exist. */
import type { Child } from 'hono/jsx'
import { Page } from '../layout.tsx'

const NAV = [
  { href: '/', text: 'home' },
  { href: '/me', text: 'account' },
]

export function Frame(props: { title: string; notice?: string; children?: Child }) {
  const notice = props.notice === undefined ? {} : { notice: props.notice }
  return (
    <Page title={props.title} nav={NAV} {...notice}>
      {props.children}
    </Page>
  )
}

export function MissingPage() {
  return <Frame title="missing" />
}
