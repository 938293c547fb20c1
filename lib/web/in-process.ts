/**
 * A browser without a socket: pages come from a fetch function of the backend, are parsed once, and links and
 * forms are followed as a browser follows them. No scripts, styles, frames or files. Each session owns its
 * world, page, form state and history; nothing mutable is shared.
 */
import type { Document, Element } from 'domhandler'
import { getElementsByTagName } from 'domutils'
import { LocatablePage } from '../tasks/locator.ts'
import type { EvaluationPage } from '../tasks/pages.ts'
import type { Task } from '../tasks/task.ts'
import type { Action } from './action.ts'
import { Controls, defaultButton, isSubmit, optionsOf } from './controls.ts'
import { ancestor, fold, parseHtml, textBelow } from './dom.ts'
import { EnvironmentError } from './errors.ts'
import type { Addressing, Observation, ObservedElement } from './observation.ts'
import { resolveElement } from './resolve.ts'
import type { ActOutcome, Driver, OpenOptions, PageSnapshot, Session } from './session.ts'
import { type Simplified, simplify } from './simplify.ts'

/** Where pages come from. W is all one episode can change. */
export interface InProcessBackend<W> {
  /** A fresh world for this task; throws with a sentence when the task belongs to no known site. */
  createWorld(task: Task): W
  fetch(request: Request, world: W): Response | Promise<Response>
}

export interface InProcessDriver<W> extends Driver {
  open(task: Task, options: OpenOptions): Promise<InProcessSession<W>>
}

export function inProcessDriver<W>(backend: InProcessBackend<W>): InProcessDriver<W> {
  return {
    async open(task, options) {
      options.signal?.throwIfAborted()
      if (options.dialect !== undefined && options.dialect !== 'clean') {
        throw new EnvironmentError(
          `agent.observation: the in-process browser gives "clean", received "${options.dialect}"; use the Chromium driver`,
        )
      }
      const session = new InProcessSession(backend, backend.createWorld(task), options)
      await session.load(task.start_url)
      return session
    },
    async close() {},
  }
}

interface Loaded {
  url: string
  html: string
  /** False for a page that answered a POST: going back shows it as it was. */
  reloads: boolean
}

interface Page extends Loaded {
  document: Document
  controls: Controls
  focus: Element | undefined
  simplified: Simplified | undefined
}

const REDIRECT_LIMIT = 10
const OK: ActOutcome = { ok: true }
const fail = (error: string): ActOutcome => ({ ok: false, error })

export class InProcessSession<W> implements Session {
  readonly world: W
  readonly #backend: InProcessBackend<W>
  readonly #addressing: Addressing
  readonly #signal: AbortSignal | undefined
  #history: Loaded[] = []
  #position = -1
  #page: Page | undefined

  constructor(backend: InProcessBackend<W>, world: W, options: OpenOptions) {
    this.#backend = backend
    this.world = world
    this.#addressing = options.addressing
    this.#signal = options.signal
  }

  /** Goes to `url` as a typed-in address. */
  async load(url: string): Promise<void> {
    this.#visit(await this.#fetch(url))
  }

  async observe(): Promise<Observation> {
    this.#signal?.throwIfAborted()
    const page = this.#current()
    const { text, elements } = this.#simplified(page)
    return { url: page.url, title: titleOf(page.document), text, elements, addressing: this.#addressing }
  }

  async snapshot(): Promise<PageSnapshot> {
    const page = this.#current()
    return { url: page.url, title: titleOf(page.document), html: page.html }
  }

  async last(): Promise<EvaluationPage> {
    return evaluationPage(this.#current())
  }

  async open(url: string): Promise<EvaluationPage> {
    return evaluationPage(await this.#fetch(url))
  }

  async tabs(): Promise<string[]> {
    return [this.#current().url]
  }

  async close(): Promise<void> {
    this.#history = []
    this.#page = undefined
  }

  async act(action: Action): Promise<ActOutcome> {
    this.#signal?.throwIfAborted()
    const page = this.#current()
    switch (action.kind) {
      case 'exit':
      case 'wait':
      case 'scroll_up':
      case 'scroll_down':
        return OK
      case 'invalid':
        return fail(action.reason)
      case 'switch_tab':
      case 'close_tab':
        return fail('there is only one tab')
      case 'new_tab':
        return fail('this browser has only one tab')
      case 'goto': {
        const target = resolveUrl(action.url, page.url)
        if (!target) return fail(`"${action.url}" is no address this browser can go to`)
        this.#visit(await this.#fetch(target.href))
        return OK
      }
      case 'press_key':
        if (action.keys !== 'Enter')
          return fail(`this browser knows no key but Enter, received "${action.keys}"`)
        return page.focus ? this.#enter(page, page.focus) : fail('nothing has the focus; click or type first')
      case 'go_backward':
        return this.#travel(-1)
      case 'go_forward':
        return this.#travel(1)
      case 'press_enter':
        return page.focus ? this.#enter(page, page.focus) : fail('nothing has the focus; click or type first')
    }
    const { elements, nodes } = this.#simplified(page)
    const resolved = resolveElement(elements, action.element, this.#addressing)
    if ('error' in resolved) return fail(resolved.error)
    const seen = resolved.element
    const node = nodes[seen.id] as Element
    switch (action.kind) {
      case 'hover':
      case 'right_click':
        return OK
      case 'click':
        return this.#click(page, seen, node)
      case 'select':
        return this.#select(page, seen, node, action.argument)
      case 'type':
      case 'search': {
        if (seen.kind !== 'textbox')
          return fail(`"${seen.name}" is a ${seen.kind}, typing needs a text field`)
        if ('readonly' in node.attribs) return fail(`"${seen.name}" is read-only`)
        page.focus = node
        const before = action.append ? page.controls.value(node) : ''
        this.#change(page, () => page.controls.setValue(node, before + action.argument))
        return action.kind === 'search' ? this.#enter(page, node) : OK
      }
    }
  }

  #current(): Page {
    if (!this.#page) throw new EnvironmentError('the session is closed')
    return this.#page
  }

  #simplified(page: Page): Simplified {
    page.simplified ??= simplify(page.document, page.controls, this.#addressing)
    return page.simplified
  }

  /** Runs a change of form state; the next observation is made anew. */
  #change(page: Page, change: () => void): ActOutcome {
    change()
    page.simplified = undefined
    return OK
  }

  async #click(page: Page, seen: ObservedElement, node: Element): Promise<ActOutcome> {
    page.focus = node
    const form = ancestor(node, 'form')
    switch (seen.kind) {
      case 'link':
        return this.#follow(page, node.attribs.href ?? '')
      case 'button':
        if (form && isSubmit(node)) return this.#submit(page, form, node)
        if (form && node.attribs.type === 'reset') return this.#change(page, () => page.controls.reset(form))
        return OK
      case 'checkbox':
        return this.#change(page, () => page.controls.setChecked(node, !page.controls.checked(node)))
      case 'radio':
        return this.#change(page, () => page.controls.setChecked(node, true))
      default:
        return OK
    }
  }

  #select(page: Page, seen: ObservedElement, node: Element, wanted: string): ActOutcome {
    if (seen.kind !== 'select') return fail(`"${seen.name}" is a ${seen.kind}, not a list to select from`)
    const options = optionsOf(node)
    const lower = fold(wanted).toLowerCase()
    const option =
      options.find((o) => o.text === fold(wanted)) ??
      options.find((o) => o.text.toLowerCase() === lower) ??
      options.find((o) => lower !== '' && o.text.toLowerCase().includes(lower))
    if (!option) return fail(`"${seen.name}" has no option "${wanted}"`)
    return this.#change(page, () => page.controls.setValue(node, option.value))
  }

  /** Enter in a text field submits its form; on anything else it is a click. */
  async #enter(page: Page, node: Element): Promise<ActOutcome> {
    const { elements, nodes } = this.#simplified(page)
    const seen = elements[nodes.indexOf(node)]
    if (seen && seen.kind !== 'textbox') return this.#click(page, seen, node)
    const form = ancestor(node, 'form')
    if (!form) return fail('the text field belongs to no form that could be sent')
    return this.#submit(page, form, defaultButton(form))
  }

  async #submit(page: Page, form: Element, submitter: Element | undefined): Promise<ActOutcome> {
    const attribute = (name: string) => submitter?.attribs[`form${name}`] ?? form.attribs[name]
    const body = new URLSearchParams(page.controls.entries(form, submitter))
    const target = resolveUrl(attribute('action') || page.url, page.url)
    if (!target) return fail('the form leads nowhere this browser can go')
    if (attribute('method')?.toLowerCase() === 'post') {
      this.#visit(await this.#fetch(target.href, body))
    } else {
      target.search = body.toString()
      this.#visit(await this.#fetch(target.href))
    }
    return OK
  }

  async #follow(page: Page, href: string): Promise<ActOutcome> {
    const target = resolveUrl(href, page.url)
    if (!target) return fail(`the link "${href}" leads nowhere this browser can go`)
    this.#visit(await this.#fetch(target.href))
    return OK
  }

  async #travel(by: -1 | 1): Promise<ActOutcome> {
    const entry = this.#history[this.#position + by]
    if (!entry) return fail(by < 0 ? 'there is no earlier page' : 'there is no later page')
    const loaded = entry.reloads ? await this.#fetch(entry.url) : entry
    this.#position += by
    this.#history[this.#position] = loaded
    this.#open(loaded)
    return OK
  }

  #visit(loaded: Loaded): void {
    this.#history.length = this.#position + 1
    this.#history.push(loaded)
    this.#position++
    this.#open(loaded)
  }

  #open({ url, html, reloads }: Loaded): void {
    const document = parseHtml(html)
    this.#page = {
      url,
      html,
      reloads,
      document,
      controls: new Controls(),
      focus: undefined,
      simplified: undefined,
    }
  }

  /** GET, or POST where `body` is given; follows redirects. A 404 is a page, a 5xx is a broken environment. */
  async #fetch(url: string, body?: URLSearchParams): Promise<Loaded> {
    let at = url
    let sent = body
    for (let hops = 0; hops <= REDIRECT_LIMIT; hops++) {
      this.#signal?.throwIfAborted()
      const request = new Request(at, sent ? { method: 'POST', body: sent } : undefined)
      let response: Response
      try {
        response = await this.#backend.fetch(request, this.world)
      } catch (cause) {
        throw new EnvironmentError(`the site failed at ${request.method} ${at}`, { cause })
      }
      const location = response.headers.get('location')
      if (response.status >= 300 && response.status < 400 && location) {
        at = new URL(location, at).href
        if (response.status < 307) sent = undefined
        continue
      }
      if (response.status >= 500)
        throw new EnvironmentError(`the site answered ${response.status} at ${request.method} ${at}`)
      return { url: at, html: await response.text(), reloads: sent === undefined }
    }
    throw new EnvironmentError(`more than ${REDIRECT_LIMIT} redirects from ${url}`)
  }
}

function evaluationPage({ url, html }: Loaded): EvaluationPage {
  const page = new LocatablePage(html)
  return { url, html: async () => html, evaluate: async (expression) => page.read(expression) }
}

function titleOf(document: Document): string {
  const title = getElementsByTagName('title', document, true, 1)[0]
  return title ? fold(textBelow(title.children)) : ''
}

/** Only http and https are places to go. */
function resolveUrl(href: string, base: string): URL | undefined {
  if (!URL.canParse(href, base)) return undefined
  const url = new URL(href, base)
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined
}
