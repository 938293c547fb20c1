/**
 * Stops every request of a browser that its episode's allow-list does not name, before it is sent: navigations,
 * redirect hops, frames, pop-ups, workers and subresources alike. One guard per browser process, at the level of the
 * process (https://chromedevtools.github.io/devtools-protocol/tot/Fetch/), because interception by page sees neither
 * the first request of a pop-up nor redirects. It finds the episode by the request's frame and tells it what it
 * stopped. WebSockets are not requests; the session stops those.
 */
import type { Browser, CDPSession } from 'playwright-core'
import type { AllowList } from './allow-list.ts'

export interface BlockedRequest {
  url: string
  kind: 'navigation' | 'frame' | 'resource' | 'websocket' | 'download' | 'scheme'
  /** The address whose redirect led there. */
  redirectedFrom?: string
  /** Milliseconds since 1970. */
  time: number
}

/** One episode's context, as the guard knows it. */
export interface Guarded {
  readonly allow: AllowList
  blocked(request: BlockedRequest, pageId: string): void
  /** Ids of all frames in the pages of the context, as far as they answer. */
  frameIds(): Promise<ReadonlySet<string>>
}

interface Paused {
  requestId: string
  request: { url: string }
  frameId: string
  resourceType: string
  redirectedRequestId?: string
}

interface TargetInfo {
  targetId: string
  type: string
  url: string
  openerId?: string
  browserContextId?: string
}

const RESOLVE_TRIES = 5
const RESOLVE_PAUSE_MS = 40

export class BrowserGuard {
  readonly #cdp: CDPSession
  /** By Chromium's id of the context. */
  readonly #guarded = new Map<string, Guarded>()
  /** Pages, frames of other processes and workers by id; a page's id is that of its main frame. */
  readonly #targets = new Map<string, TargetInfo>()
  /** Context of a frame that is no target of its own. */
  readonly #frames = new Map<string, string>()
  /** Address of a request that was let through, for the log of the hop after it. */
  readonly #sent = new Map<string, string>()

  private constructor(cdp: CDPSession) {
    this.#cdp = cdp
  }

  static async install(browser: Browser): Promise<BrowserGuard> {
    const cdp = await browser.newBrowserCDPSession()
    const guard = new BrowserGuard(cdp)
    const note = ({ targetInfo }: { targetInfo: TargetInfo }) => {
      guard.#targets.set(targetInfo.targetId, targetInfo)
    }
    cdp.on('Target.targetCreated', note)
    cdp.on('Target.targetInfoChanged', note)
    cdp.on('Target.targetDestroyed', ({ targetId }) => guard.#targets.delete(targetId))
    cdp.on('Fetch.requestPaused', (paused) => void guard.#decide(paused))
    await cdp.send('Target.setDiscoverTargets', { discover: true })
    await cdp.send('Fetch.enable', { patterns: [{ urlPattern: '*', requestStage: 'Request' }] })
    return guard
  }

  /** Guards a context until the returned function is called; `contextId` is Chromium's own. */
  add(contextId: string, guarded: Guarded): () => void {
    this.#guarded.set(contextId, guarded)
    return () => {
      this.#guarded.delete(contextId)
      for (const [frame, context] of this.#frames) if (context === contextId) this.#frames.delete(frame)
    }
  }

  /** Tabs of a context as the browser counts them: one that is just opening is among them before it is reported. */
  tabs(contextId: string): number {
    let count = 0
    for (const target of this.#targets.values()) {
      if (target.type === 'page' && target.browserContextId === contextId) count++
    }
    return count
  }

  async #decide(paused: Paused): Promise<void> {
    const { url } = paused.request
    const all = [...this.#guarded.values()]
    const allowing = all.filter(({ allow }) => allow.allows(url)).length
    if (allowing === all.length) return this.#go(paused)
    const contextId = await this.#contextOf(paused.frameId)
    const owner = contextId === undefined ? undefined : this.#guarded.get(contextId)
    // A known context that nobody guards is another program's in a shared browser.
    if (contextId !== undefined ? !owner || owner.allow.allows(url) : false) return this.#go(paused)
    const target = this.#targets.get(paused.frameId)
    const kind =
      paused.resourceType !== 'Document' ? 'resource' : target?.type === 'page' ? 'navigation' : 'frame'
    const from = paused.redirectedRequestId ? this.#sent.get(paused.redirectedRequestId) : undefined
    // Aborted leaves the page where it is; every other reason would put an error page in its place.
    await this.#send('Fetch.failRequest', {
      requestId: paused.requestId,
      errorReason: paused.resourceType === 'Document' ? 'Aborted' : 'BlockedByClient',
    })
    owner?.blocked(
      { url, kind, ...(from === undefined ? {} : { redirectedFrom: from }), time: Date.now() },
      paused.frameId,
    )
    // A pop-up that was only opened to go there would stay behind as an empty tab.
    if (kind === 'navigation' && target?.openerId && (target.url === '' || target.url === 'about:blank')) {
      await this.#send('Target.closeTarget', { targetId: target.targetId })
    }
  }

  async #go(paused: Paused): Promise<void> {
    if (paused.resourceType === 'Document') {
      this.#sent.set(paused.requestId, paused.request.url)
      if (this.#sent.size > 500) this.#sent.delete(this.#sent.keys().next().value as string)
    }
    await this.#send('Fetch.continueRequest', { requestId: paused.requestId })
  }

  /** The request or the browser may be gone meanwhile; then there is nothing left to stop. */
  async #send(
    method: 'Fetch.failRequest' | 'Fetch.continueRequest' | 'Target.closeTarget',
    parameters: Record<string, string>,
  ): Promise<void> {
    await this.#cdp.send(method, parameters as never).catch(() => {})
  }

  /** Frames inside a page's own process are no targets; their pages are asked, a few times for one just attached. */
  async #contextOf(frameId: string): Promise<string | undefined> {
    for (let tries = 0; tries < RESOLVE_TRIES; tries++) {
      const known = this.#targets.get(frameId)?.browserContextId ?? this.#frames.get(frameId)
      if (known !== undefined) return known
      await Promise.all(
        [...this.#guarded].map(async ([contextId, guarded]) => {
          for (const id of await guarded.frameIds()) this.#frames.set(id, contextId)
        }),
      )
      if (this.#frames.has(frameId)) return this.#frames.get(frameId)
      await new Promise((resolve) => setTimeout(resolve, RESOLVE_PAUSE_MS))
    }
    return undefined
  }
}
