/**
 * One piece of work for equal keys at the same time: who comes later shares it. The work is cancelled only when
 * nobody waits for it any more.
 */
import { settleOrAbort } from './deadline.ts'

interface Flight<T> {
  result: Promise<T>
  controller: AbortController
  waiting: number
}

export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>()

  /** `shared`: the work had been started for somebody else. Rejects with the signal's reason once that fires. */
  async run(
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<{ value: T; shared: boolean }> {
    signal?.throwIfAborted()
    const known = this.#flights.get(key)
    const flight = known ?? this.#start(key, work)
    flight.waiting++
    try {
      const value = await (signal ? settleOrAbort(flight.result, signal) : flight.result)
      return { value, shared: known !== undefined }
    } finally {
      if (--flight.waiting === 0) {
        // Whoever comes next must not join what is being cancelled.
        this.#forget(key, flight)
        flight.controller.abort()
      }
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController()
    const flight: Flight<T> = { result: work(controller.signal), controller, waiting: 0 }
    this.#flights.set(key, flight)
    const forget = () => this.#forget(key, flight)
    flight.result.then(forget, forget)
    return flight
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }
}
