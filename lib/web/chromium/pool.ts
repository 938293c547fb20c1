/**
 * Browsers side by side, lent to episodes. A lease is a place in a living browser and ends with its episode; a dead
 * or worn-out browser is replaced at the next lease. Knows nothing of pages.
 */
import { EnvironmentError } from '../errors.ts'
import { within } from './deadline.ts'
import { BrowserGuard } from './guard.ts'
import { launchBrowser, type RunningBrowser } from './launch.ts'
import type { BrowserOptions } from './options.ts'

export interface Lease {
  readonly running: RunningBrowser
  readonly guard: BrowserGuard
  /** Ends the lease; `broken` takes the browser out of use once its other episodes are done. */
  release(broken?: boolean): void
}

/** A browser with its guard installed. */
export interface GuardedBrowser {
  running: RunningBrowser
  guard: BrowserGuard
}

interface Slot {
  started: Promise<GuardedBrowser>
  dead: boolean
  leases: number
  /** Leases given so far. */
  served: number
}

export class BrowserPool {
  readonly #options: BrowserOptions
  readonly #launch: () => Promise<GuardedBrowser>
  readonly #slots = new Set<Slot>()
  readonly #waiting: (() => void)[] = []
  readonly #ending = new Set<Promise<void>>()
  #closed = false

  constructor(options: BrowserOptions, start: () => Promise<GuardedBrowser> = () => startGuarded(options)) {
    this.#options = options
    this.#launch = start
  }

  async lease(signal?: AbortSignal): Promise<Lease> {
    const slot = await this.#place(signal)
    let started: Awaited<Slot['started']>
    try {
      started = await within(
        'starting a browser',
        slot.started,
        this.#options.deadlines.launch + 1000,
        signal,
      )
    } catch (error) {
      if (!signal?.aborted) this.#retire(slot)
      this.#leave(slot)
      throw error
    }
    let held = true
    return {
      ...started,
      release: (broken = false) => {
        if (!held) return
        held = false
        if (broken) this.#retire(slot)
        this.#leave(slot)
      },
    }
  }

  /** Processes in use now, started here. */
  async pids(): Promise<number[]> {
    const settled = await Promise.allSettled([...this.#slots].map(({ started }) => started))
    return settled.flatMap((one) => (one.status === 'fulfilled' ? (one.value.running.pid ?? []) : []))
  }

  /** Ends all browsers, whoever still uses them. Always ends. */
  async close(): Promise<void> {
    this.#closed = true
    this.#wake()
    for (const slot of [...this.#slots]) {
      this.#slots.delete(slot)
      this.#end(slot)
    }
    await Promise.all(this.#ending)
  }

  async #place(signal: AbortSignal | undefined): Promise<Slot> {
    const give = (): Slot | undefined => {
      if (this.#closed) throw new EnvironmentError('the browser pool is closed')
      const slot = this.#free()
      if (slot) {
        slot.leases++
        slot.served++
      }
      return slot
    }
    const now = give()
    if (now) return now
    let wake = () => {}
    let given: Slot | undefined
    const place = new Promise<Slot>((resolve, reject) => {
      wake = () => {
        try {
          given = give()
          if (given) resolve(given)
          else this.#waiting.push(wake)
        } catch (error) {
          reject(error)
        }
      }
      this.#waiting.push(wake)
    })
    try {
      return await within('waiting for a free browser', place, this.#options.deadlines.lease, signal)
    } catch (error) {
      const index = this.#waiting.indexOf(wake)
      if (index >= 0) this.#waiting.splice(index, 1)
      else if (given) this.#leave(given)
      throw error
    }
  }

  /** The living browser with the fewest episodes, or a new one while there may be more. */
  #free(): Slot | undefined {
    const { poolSize, sessionsPerBrowser, sessionsPerLife } = this.#options
    const living = [...this.#slots].filter((slot) => !slot.dead && slot.served < sessionsPerLife)
    const best = living.sort((a, b) => a.leases - b.leases)[0]
    if (best?.leases === 0) return best
    // A worn-out browser counts as long as it is in use, so that there are never more than poolSize.
    if ([...this.#slots].filter((slot) => !slot.dead).length < poolSize) return this.#start()
    return best && best.leases < sessionsPerBrowser ? best : undefined
  }

  #start(): Slot {
    const slot: Slot = {
      dead: false,
      leases: 0,
      served: 0,
      started: this.#launch().then((started) => {
        started.running.browser.on('disconnected', () => this.#retire(slot))
        return started
      }),
    }
    slot.started.catch(() => {})
    this.#slots.add(slot)
    return slot
  }

  /** No more leases on this browser; it ends with its last one. */
  #retire(slot: Slot): void {
    slot.dead = true
    this.#sweep(slot)
  }

  #leave(slot: Slot): void {
    slot.leases--
    this.#sweep(slot)
  }

  #sweep(slot: Slot): void {
    const done = slot.dead || slot.served >= this.#options.sessionsPerLife
    if (done && slot.leases === 0 && this.#slots.delete(slot)) this.#end(slot)
    this.#wake()
  }

  #wake(): void {
    // Whoever finds no place queues again, in the same order.
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #end(slot: Slot): void {
    const ended = slot.started
      .then(({ running }) => running.close(this.#options.deadlines.close))
      .catch(() => {})
      .finally(() => this.#ending.delete(ended))
    this.#ending.add(ended)
  }
}

async function startGuarded(options: BrowserOptions): Promise<GuardedBrowser> {
  const running = await launchBrowser(options)
  try {
    const install = BrowserGuard.install(running.browser)
    return { running, guard: await within('installing the guard', install, options.deadlines.launch) }
  } catch (error) {
    await running.close(options.deadlines.close)
    throw error
  }
}
