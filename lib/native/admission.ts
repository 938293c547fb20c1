/**
 * Admission: at most so many requests in flight; one more waits its turn in order of arrival, or is refused.
 * Leaves out what a request does.
 */
import { MiraNativeError } from './errors.ts'

export type WhenFull = 'reject' | 'wait'

export class Admission {
  readonly #limit: number
  readonly #whenFull: WhenFull
  #inFlight = 0
  readonly #waiting: (() => void)[] = []

  /** @param limit most requests in flight; Infinity = unbounded */
  constructor(limit: number, whenFull: WhenFull) {
    this.#limit = limit
    this.#whenFull = whenFull
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Runs `request` when there is room, or at once when the signal fires during the wait: the request itself knows
   * how to end as aborted.
   * @throws MiraNativeError ERR_QUEUE_FULL when there is no room and waiting is not wanted
   */
  async run<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#inFlight < this.#limit) this.#inFlight++
    else if (!(await this.#turn(signal))) return request()
    try {
      return await request()
    } finally {
      // The place passes on without becoming free, so that nobody overtakes who waits.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#inFlight--
    }
  }

  /** Resolves to true with a place, to false when the signal has fired. */
  #turn(signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted) return Promise.resolve(false)
    if (this.#whenFull === 'reject') {
      throw new MiraNativeError(
        'ERR_QUEUE_FULL',
        `generate: expected at most ${this.#limit} requests in flight (slots + maxQueued), got one more; ` +
          `await some first, or make the generator with a larger maxQueued or whenFull 'wait'`,
      )
    }
    return new Promise((resolve) => {
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        resolve(false)
      }
      const take = () => {
        signal?.removeEventListener('abort', abort)
        resolve(true)
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.push(take)
    })
  }
}
