/**
 * Who may be played now: a pure state machine over tasks that lock or read shared states and depend on one another.
 * Knows no clock and no promises; run-scheduled.ts drives it.
 *
 * Rules: a state that is locked has one holder and no reader; several instances of a state (containers of one site)
 * are that many holders; of two items that want one state the earlier goes first, so nobody starves; with
 * `readsFirst` an item that locks a state waits until everybody who only reads it has ended, unless the reader itself
 * has to wait for an item that locks something.
 */
import { SuiteInputError } from './errors.ts'

export interface ScheduleItem {
  /** Unique among the items. */
  key: string
  locks: readonly string[]
  reads: readonly string[]
  /** Keys of items that end before it starts; a key that is not among the items counts as ended. */
  dependsOn: readonly string[]
}

export interface ScheduleOptions {
  /** Items at once. */
  concurrency: number
  /** Copies of a state that may be used side by side; 1 where a name is absent. */
  instances?: Readonly<Record<string, number>>
  /** Everybody who only reads a state sees it before it is changed. Default true. */
  readsFirst?: boolean
}

/** Which copy of each state an item has been given, from 0. */
export type Placement = Readonly<Record<string, number>>

export interface Started<T extends ScheduleItem> {
  item: T
  placement: Placement
}

interface Copy {
  readers: number
  held: boolean
}

export class Schedule<T extends ScheduleItem> {
  readonly #concurrency: number
  readonly #copies: Map<string, Copy[]>
  readonly #waitsFor: Map<string, Set<string>>
  /** Readers of a state that go before anybody who locks it. */
  readonly #firstReaders = new Map<string, Set<string>>()
  #pending: T[]
  readonly #running = new Map<string, Started<T>>()

  constructor(items: readonly T[], options: ScheduleOptions) {
    positive(options.concurrency, 'concurrency')
    this.#concurrency = options.concurrency
    const keys = new Set(items.map((item) => item.key))
    if (keys.size !== items.length) throw new SuiteInputError('a schedule needs keys that are all different')
    this.#pending = [...items]
    this.#copies = new Map()
    for (const name of new Set(items.flatMap(states))) {
      const count = options.instances?.[name] ?? 1
      positive(count, `instances.${name}`)
      this.#copies.set(
        name,
        Array.from({ length: count }, () => ({ readers: 0, held: false })),
      )
    }
    this.#waitsFor = new Map(
      items.map((item) => [item.key, new Set(item.dependsOn.filter((key) => keys.has(key)))]),
    )
    const order = dependencyOrder(items, this.#waitsFor)
    if (options.readsFirst ?? true) this.#collectFirstReaders(order)
  }

  get ended(): boolean {
    return this.#pending.length === 0 && this.#running.size === 0
  }

  get running(): number {
    return this.#running.size
  }

  /** Items that start now, in their order; they hold what they touch until `finish`. */
  start(): Started<T>[] {
    const started: Started<T>[] = []
    const claimed = { locks: new Set<string>(), reads: new Set<string>() }
    const stay: T[] = []
    for (const item of this.#pending) {
      const placement =
        this.#running.size < this.#concurrency && this.#mayGo(item) ? this.#place(item, claimed) : undefined
      if (placement) {
        const entry = { item, placement }
        this.#running.set(item.key, entry)
        started.push(entry)
      } else {
        stay.push(item)
      }
    }
    this.#pending = stay
    return started
  }

  finish(key: string): void {
    const entry = this.#running.get(key)
    if (!entry) throw new Error(`the item "${key}" is not running`)
    this.#running.delete(key)
    for (const [name, index] of Object.entries(entry.placement)) {
      const copy = (this.#copies.get(name) as Copy[])[index] as Copy
      if (entry.item.locks.includes(name)) copy.held = false
      else copy.readers--
    }
    for (const waiting of this.#waitsFor.values()) waiting.delete(key)
    for (const readers of this.#firstReaders.values()) readers.delete(key)
  }

  #mayGo(item: T): boolean {
    if ((this.#waitsFor.get(item.key) as Set<string>).size > 0) return false
    return item.locks.every((name) => {
      const readers = this.#firstReaders.get(name)
      return readers === undefined || readers.size === 0
    })
  }

  /** Takes every state the item touches, or none: then what it wants is claimed against the items behind it. */
  #place(item: T, claimed: { locks: Set<string>; reads: Set<string> }): Placement | undefined {
    const placement: Record<string, number> = {}
    const locks = new Set(item.locks)
    const names = [...new Set(states(item))]
    const free = names.every((name) => {
      if (claimed.locks.has(name) || (locks.has(name) && claimed.reads.has(name))) return false
      const copies = this.#copies.get(name) as Copy[]
      const index = locks.has(name) ? copies.findIndex(unused) : fewestReaders(copies)
      placement[name] = index
      return index >= 0
    })
    if (!free) {
      for (const name of names) claimed[locks.has(name) ? 'locks' : 'reads'].add(name)
      return undefined
    }
    for (const name of names) {
      const copy = (this.#copies.get(name) as Copy[])[placement[name] as number] as Copy
      if (locks.has(name)) copy.held = true
      else copy.readers++
    }
    return placement
  }

  #collectFirstReaders(order: readonly T[]): void {
    const afterAChange = new Set<string>()
    const changing = new Set(order.filter((item) => item.locks.length > 0).map((item) => item.key))
    for (const item of order) {
      const waits = [...(this.#waitsFor.get(item.key) as Set<string>)]
      if (waits.some((key) => changing.has(key) || afterAChange.has(key))) afterAChange.add(item.key)
      if (changing.has(item.key) || afterAChange.has(item.key)) continue
      for (const name of item.reads) {
        const readers = this.#firstReaders.get(name) ?? new Set()
        this.#firstReaders.set(name, readers.add(item.key))
      }
    }
  }
}

const states = (item: ScheduleItem) => [...item.locks, ...item.reads]
const unused = (copy: Copy) => !copy.held && copy.readers === 0

function fewestReaders(copies: readonly Copy[]): number {
  let best = -1
  copies.forEach((copy, i) => {
    if (!copy.held && (best < 0 || copy.readers < (copies[best] as Copy).readers)) best = i
  })
  return best
}

function positive(value: number, field: string): void {
  if (!Number.isInteger(value) || value < 1)
    throw new SuiteInputError(`${field} expects a whole number of at least 1, received ${value}`)
}

/** Items with every dependency before its dependents; a cycle is an error that names its keys. */
function dependencyOrder<T extends ScheduleItem>(
  items: readonly T[],
  waitsFor: ReadonlyMap<string, ReadonlySet<string>>,
): T[] {
  const left = new Map(items.map((item) => [item.key, new Set(waitsFor.get(item.key))]))
  const dependents = new Map<string, string[]>()
  for (const [key, waits] of left) {
    for (const on of waits) dependents.set(on, [...(dependents.get(on) ?? []), key])
  }
  const byKey = new Map(items.map((item) => [item.key, item]))
  const ready = items.filter((item) => left.get(item.key)?.size === 0).map((item) => item.key)
  const order: T[] = []
  for (let key = ready.shift(); key !== undefined; key = ready.shift()) {
    order.push(byKey.get(key) as T)
    left.delete(key)
    for (const dependent of dependents.get(key) ?? []) {
      const waits = left.get(dependent) as Set<string>
      waits.delete(key)
      if (waits.size === 0) ready.push(dependent)
    }
  }
  if (left.size > 0)
    throw new SuiteInputError(
      `depends_on goes in a circle among ${[...left.keys()].join(', ')}; remove one of these dependencies`,
    )
  return order
}
