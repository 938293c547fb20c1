/**
 * The agent's tabs of one context: which there are, which is the agent's, pop-ups followed, closed ones left. Tabs
 * opened for evaluators are hidden from it.
 */
import type { BrowserContext, CDPSession, Page } from 'playwright-core'
import { EnvironmentError } from '../errors.ts'
import { within } from './deadline.ts'

const FRAMES_MS = 500
/** Tabs that open by themselves between two looks, above which they count as a flood. */
const FLOOD = 4

/** A tab with a protocol session of its own, for what Playwright has no call for. */
interface Tab {
  page: Page
  cdp: Promise<CDPSession>
}

export interface TabEvents {
  crashed(page: Page): void
  /** Pages have opened too many tabs since the last look; called on every further one. */
  flooded(): void
}

export class Tabs {
  readonly #context: BrowserContext
  readonly #limit: number
  readonly #all = new Map<Page, Tab>()
  #list: Page[] = []
  #active: Page | undefined
  /** Opened by pages since the last look, in order. */
  #opened: Page[] = []
  #refused = 0
  readonly #events: TabEvents
  /** Tabs being opened here. */
  #opening = 0

  constructor(context: BrowserContext, limit: number, events: TabEvents) {
    this.#context = context
    this.#limit = limit
    this.#events = events
    context.on('page', (page) => {
      page.on('crash', () => events.crashed(page))
      this.#adopt(page)
    })
  }

  get list(): readonly Page[] {
    return this.#list
  }

  get active(): Page | undefined {
    return this.#active
  }

  /** The agent's tab; there is none only between looks. */
  get current(): Page {
    if (!this.#active) throw new EnvironmentError('the session has no open tab')
    return this.#active
  }

  #adopt(page: Page): void {
    if (this.#all.has(page)) return
    if (this.#opening === 0) {
      this.#opened.push(page)
      if (this.#list.length >= this.#limit || this.#opened.length > FLOOD) {
        this.#refused++
        void page.close().catch(() => {})
        if (this.flooded) this.#events.flooded()
        return
      }
    }
    const cdp = this.#context.newCDPSession(page)
    // Asked for before anybody waits: a page may be gone at once.
    cdp.catch(() => {})
    this.#all.set(page, { page, cdp })
    this.#list.push(page)
    page.on('close', () => {
      this.#all.delete(page)
      const index = this.#list.indexOf(page)
      if (index < 0) return
      this.#list.splice(index, 1)
      if (this.#active === page) this.#active = this.#list[Math.max(0, index - 1)]
    })
  }

  /** Makes the newest tab that a page opened since the last call the agent's. */
  follow(): boolean {
    const page = this.#opened.findLast((one) => this.#all.has(one))
    if (this.flooded || !page) return false
    this.#opened = []
    const moved = page !== this.#active
    this.#active = page
    return moved
  }

  /** Whether pages opened so many tabs since the last look that following them makes no sense. */
  get flooded(): boolean {
    return this.#opened.length > FLOOD
  }

  /** Begins counting anew; how many tabs were refused, and those of a flood that are still there. */
  reset(): { refused: number; flood: Page[] } {
    const flood = this.flooded ? this.#opened.filter((one) => this.#all.has(one)) : []
    const refused = this.#refused
    this.#refused = 0
    this.#opened = []
    return { refused, flood }
  }

  activate(page: Page): void {
    this.#active = page
    this.#opened = []
  }

  /** Opens an empty tab, which becomes the agent's. */
  async open(): Promise<Page> {
    const page = await this.#open()
    this.activate(page)
    return page
  }

  /** Opens a tab that the agent never sees. */
  async openHidden(): Promise<Page> {
    const page = await this.#open()
    const index = this.#list.indexOf(page)
    if (index >= 0) this.#list.splice(index, 1)
    return page
  }

  async #open(): Promise<Page> {
    this.#opening++
    try {
      const page = await this.#context.newPage()
      this.#adopt(page)
      return page
    } finally {
      this.#opening--
    }
  }

  /** The protocol session of a tab. */
  cdp(page: Page): Promise<CDPSession> {
    return this.#all.get(page)?.cdp ?? this.#context.newCDPSession(page)
  }

  /** Ids of all frames of all tabs that answer soon. */
  async frameIds(): Promise<ReadonlySet<string>> {
    const ids = new Set<string>()
    const collect = (tree: FrameTree): void => {
      ids.add(tree.frame.id)
      for (const child of tree.childFrames ?? []) collect(child)
    }
    await Promise.all(
      [...this.#all.values()].map(async ({ cdp }) => {
        const asked = cdp.then((session) => session.send('Page.getFrameTree'))
        const answer = await within('the frame tree', asked, FRAMES_MS).catch(() => undefined)
        if (answer) collect(answer.frameTree)
      }),
    )
    return ids
  }
}

interface FrameTree {
  frame: { id: string }
  childFrames?: FrameTree[]
}
