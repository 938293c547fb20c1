/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/**
 * The page chrome and form controls all sites share: server-rendered HTML that works without scripts, with one
 * accessible name per control and every value to be read in an element of its own (<b>).
 * Pages stay short: at most 5 rows (PAGE_SIZE) and 5 navigation links.
 */
import type { Child } from 'hono/jsx'

export const PAGE_SIZE = 5

export interface NavLink {
  href: string
  text: string
}

export function Page(props: { title: string; nav: readonly NavLink[]; notice?: string; children?: Child }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{props.title}</title>
      </head>
      <body>
        <nav>
          {props.nav.map((link) => (
            <a href={link.href}>{link.text}</a>
          ))}
        </nav>
        <main>
          <h1>{props.title}</h1>
          {props.notice ? <p role="status">{props.notice}</p> : null}
          {props.children}
        </main>
      </body>
    </html>
  )
}

/** A label and its value: price<b>55</b>. `id` gives evaluators a selector ("#price"). */
export function Fact(props: { label: string; value: string | number; id?: string }) {
  return (
    <p>
      {props.label}
      <b id={props.id ?? props.label}>{props.value}</b>
    </p>
  )
}

/** One row of a list: a link and the values beside it. */
export function Row(props: { href: string; text: string | number; values?: readonly (string | number)[] }) {
  return (
    <li>
      <a href={props.href}>{props.text}</a>
      {(props.values ?? []).map((value) => (
        <b>{value}</b>
      ))}
    </li>
  )
}

/** "previous" and "next", where there is one; `href` turns a page number (from 1) into a link. */
export function Pager(props: { page: number; pages: number; href: (page: number) => string }) {
  return (
    <div class="pager">
      {props.page > 1 ? <a href={props.href(props.page - 1)}>previous</a> : null}
      {props.page < props.pages ? <a href={props.href(props.page + 1)}>next</a> : null}
    </div>
  )
}

/** A POST form that is one button. */
export function PostButton(props: {
  action: string
  text: string
  fields?: Record<string, string | number>
}) {
  return (
    <form method="post" action={props.action}>
      {Object.entries(props.fields ?? {}).map(([name, value]) => (
        <input type="hidden" name={name} value={String(value)} />
      ))}
      <button type="submit">{props.text}</button>
    </form>
  )
}

/** A GET form of one text field; Search, or Type and then Press Enter, submits it. */
export function SearchBox(props: { action: string; value?: string; label?: string; name?: string }) {
  return (
    <form method="get" action={props.action}>
      <input
        type="search"
        name={props.name ?? 'q'}
        aria-label={props.label ?? 'search'}
        value={props.value ?? ''}
      />
    </form>
  )
}

export function TextField(props: { name: string; label?: string; value?: string | number; type?: string }) {
  return (
    <label>
      {props.label ?? props.name}
      <input type={props.type ?? 'text'} name={props.name} value={String(props.value ?? '')} />
    </label>
  )
}

export function SelectField(props: {
  name: string
  label?: string
  options: readonly string[]
  value?: string
}) {
  return (
    <label>
      {props.label ?? props.name}
      <select name={props.name}>
        {props.options.map((option) => (
          <option value={option} selected={option === props.value}>
            {option}
          </option>
        ))}
      </select>
    </label>
  )
}

export function TickBox(props: { name: string; label?: string; checked?: boolean }) {
  return (
    <label>
      <input type="checkbox" name={props.name} value="on" checked={props.checked ?? false} />
      {props.label ?? props.name}
    </label>
  )
}

/** The rows of one page of a list (`page` from 1, clamped to what exists). */
export function paginate<T>(items: readonly T[], page: number, size = PAGE_SIZE) {
  const pages = Math.max(1, Math.ceil(items.length / size))
  const at = Math.min(Math.max(1, Number.isInteger(page) ? page : 1), pages)
  return { rows: items.slice((at - 1) * size, at * size), page: at, pages }
}
