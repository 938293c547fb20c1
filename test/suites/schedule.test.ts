/** The schedule against its rules, for any tasks: who may run beside whom, who goes first, and that all end. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runScheduled } from '../../lib/suites/run-scheduled.ts'
import { Schedule, type ScheduleItem, type ScheduleOptions, type Started } from '../../lib/suites/schedule.ts'

const STATES = ['a', 'b', 'c', 'd']
const names = fc.uniqueArray(fc.constantFrom(...STATES), { maxLength: 3 })

/** Items that depend only on earlier ones, so that no circle arises. */
const items = fc
  .array(fc.record({ locks: names, reads: names, waits: fc.array(fc.nat(), { maxLength: 2 }) }), {
    maxLength: 25,
  })
  .map((list): ScheduleItem[] =>
    list.map(({ locks, reads, waits }, i) => ({
      key: `t${i}`,
      locks,
      reads: reads.filter((name) => !locks.includes(name)),
      dependsOn: i === 0 ? [] : waits.map((n) => `t${n % i}`),
    })),
  )
const options = fc.record({
  concurrency: fc.integer({ min: 1, max: 6 }),
  instances: fc.record({ a: fc.integer({ min: 1, max: 3 }), b: fc.integer({ min: 1, max: 2 }) }),
  readsFirst: fc.boolean(),
})

/** Plays a schedule to its end; `pick` says which running item ends next. Checks what runs together at every step. */
function play(list: ScheduleItem[], opts: ScheduleOptions, pick: () => number): string[] {
  const schedule = new Schedule(list, opts)
  const running = new Map<string, Started<ScheduleItem>>()
  const started: string[] = []
  const ended = new Set<string>()
  for (;;) {
    for (const entry of schedule.start()) {
      for (const key of entry.item.dependsOn) expect(ended.has(key)).toBe(true)
      running.set(entry.item.key, entry)
      started.push(entry.item.key)
    }
    checkTogether([...running.values()], opts)
    if (running.size === 0) break
    const keys = [...running.keys()]
    const key = keys[pick() % keys.length] as string
    running.delete(key)
    ended.add(key)
    schedule.finish(key)
  }
  expect(schedule.ended).toBe(true)
  expect([...started].sort()).toEqual(list.map((item) => item.key).sort())
  return started
}

function checkTogether(running: Started<ScheduleItem>[], opts: ScheduleOptions): void {
  expect(running.length).toBeLessThanOrEqual(opts.concurrency)
  for (const { item, placement } of running) {
    expect(Object.keys(placement).sort()).toEqual([...item.locks, ...item.reads].sort())
    for (const [name, index] of Object.entries(placement)) {
      expect(index).toBeGreaterThanOrEqual(0)
      expect(index).toBeLessThan(opts.instances?.[name] ?? 1)
    }
    for (const name of item.locks) {
      const sharing = running.filter((other) => other.placement[name] === placement[name])
      expect(sharing.map((other) => other.item.key)).toEqual([item.key])
    }
  }
}

const picks = fc.infiniteStream(fc.nat())
const next = (stream: Iterator<number>) => () => stream.next().value as number

describe('any tasks', () => {
  test('never two holders of a state, never a reader beside a holder, dependencies first, and all end', () => {
    fc.assert(fc.property(items, options, picks, (list, opts, stream) => void play(list, opts, next(stream))))
  })

  test('reads come before changes, but for readers that themselves wait for a change', () => {
    fc.assert(
      fc.property(items, options, picks, (list, opts, stream) => {
        const order = play(list, { ...opts, readsFirst: true }, next(stream))
        const byKey = new Map(list.map((item) => [item.key, item]))
        const afterChange = (item: ScheduleItem): boolean =>
          item.dependsOn.some((key) => {
            const on = byKey.get(key) as ScheduleItem
            return on.locks.length > 0 || afterChange(on)
          })
        order.forEach((key, i) => {
          const item = byKey.get(key) as ScheduleItem
          if (item.locks.length > 0 || afterChange(item)) return
          for (const before of order.slice(0, i)) {
            const other = byKey.get(before) as ScheduleItem
            expect(item.reads.some((name) => other.locks.includes(name))).toBe(false)
          }
        })
      }),
    )
  })

  test('of two that want one state and wait for nobody, the earlier starts first', () => {
    fc.assert(
      fc.property(items, options, picks, (list, opts, stream) => {
        const plain = list.map((item) => ({ ...item, dependsOn: [] }))
        const order = play(plain, { ...opts, readsFirst: false }, next(stream))
        const at = new Map(order.map((key, i) => [key, i]))
        plain.forEach((early, i) => {
          for (const late of plain.slice(i + 1)) {
            const conflict =
              early.locks.some((name) => late.locks.includes(name) || late.reads.includes(name)) ||
              early.reads.some((name) => late.locks.includes(name))
            if (conflict) expect(at.get(early.key)).toBeLessThan(at.get(late.key) as number)
          }
        })
      }),
    )
  })
})

const item = (key: string, part: Partial<ScheduleItem> = {}): ScheduleItem => ({
  key,
  locks: [],
  reads: [],
  dependsOn: [],
  ...part,
})
const keys = (started: Started<ScheduleItem>[]) => started.map((entry) => entry.item.key)

test('readers share, a holder waits for them, the holder behind waits for the first', () => {
  const schedule = new Schedule(
    [
      item('change-1', { locks: ['shop'] }),
      item('change-2', { locks: ['shop'] }),
      item('read-1', { reads: ['shop'] }),
      item('read-2', { reads: ['shop'] }),
      item('elsewhere', { locks: ['forum'] }),
    ],
    { concurrency: 9 },
  )
  expect(keys(schedule.start())).toEqual(['read-1', 'read-2', 'elsewhere'])
  schedule.finish('read-2')
  expect(keys(schedule.start())).toEqual([])
  schedule.finish('read-1')
  expect(keys(schedule.start())).toEqual(['change-1'])
  schedule.finish('change-1')
  expect(keys(schedule.start())).toEqual(['change-2'])
})

test('two containers of a site hold two changes at once, each its own', () => {
  const list = ['1', '2', '3'].map((key) => item(key, { locks: ['shop'] }))
  const schedule = new Schedule(list, { concurrency: 9, instances: { shop: 2 } })
  expect(schedule.start().map((entry) => entry.placement)).toEqual([{ shop: 0 }, { shop: 1 }])
  schedule.finish('2')
  expect(schedule.start()).toMatchObject([{ item: { key: '3' }, placement: { shop: 1 } }])
})

test('a circle of dependencies, equal keys and a concurrency of 0 are refused in a sentence', () => {
  const circle = [item('x', { dependsOn: ['y'] }), item('y', { dependsOn: ['x'] }), item('z')]
  expect(() => new Schedule(circle, { concurrency: 1 })).toThrow(/circle among x, y;/)
  expect(() => new Schedule([item('x'), item('x')], { concurrency: 1 })).toThrow(/all different/)
  expect(() => new Schedule([], { concurrency: 0 })).toThrow(/concurrency expects .* received 0/)
  expect(() => new Schedule([item('x', { locks: ['s'] })], { concurrency: 1, instances: { s: 0 } })).toThrow(
    /instances\.s/,
  )
})

describe('runScheduled', () => {
  const locks = () => ['s']

  test('a failure is one result among the others, in the order of the items', async () => {
    const results = await runScheduled([1, 2, 3], { concurrency: 2, locks }, async (n) => {
      await Promise.resolve()
      if (n === 2) throw new Error('site down')
      return n * 10
    })
    expect(results).toMatchObject([
      { status: 'fulfilled', value: 10 },
      { status: 'rejected', reason: { message: 'site down' } },
      { status: 'fulfilled', value: 30 },
    ])
    expect(await runScheduled([], { concurrency: 1, locks }, async () => 1)).toEqual([])
  })

  test('an abort starts nothing more, waits for what runs, and rejects with the reason', async () => {
    const stop = new AbortController()
    const started: number[] = []
    let ended = 0
    const run = runScheduled(
      [1, 2, 3, 4],
      { concurrency: 2, locks: () => [] },
      async (n, { signal }) => {
        started.push(n)
        if (n === 2) stop.abort(new Error('enough'))
        await new Promise((resolve) => setImmediate(resolve))
        expect(signal.aborted).toBe(true)
        ended++
      },
      stop.signal,
    )
    await expect(run).rejects.toThrow('enough')
    expect([started, ended]).toEqual([[1, 2], 2])
    const never = runScheduled(
      [1],
      { concurrency: 1, locks },
      async () => expect.unreachable(),
      AbortSignal.abort(),
    )
    await expect(never).rejects.toThrow()
  })

  test('a fatal error ends the run with it', async () => {
    const started: number[] = []
    const run = runScheduled(
      [1, 2, 3],
      { concurrency: 1, locks, fatal: (error) => (error as Error).message === 'device lost' },
      async (n) => {
        started.push(n)
        throw new Error(n === 2 ? 'device lost' : 'site down')
      },
    )
    await expect(run).rejects.toThrow('device lost')
    expect(started).toEqual([1, 2])
  })
})
