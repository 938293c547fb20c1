/**
 * Plays items as a schedule allows, each to its own result: a failure of one keeps nobody waiting, an abort starts
 * nothing more and lets what runs come to its end.
 */
import { Schedule, type Placement, type ScheduleItem, type ScheduleOptions } from './schedule.ts'

export interface RunScheduledOptions<T> extends ScheduleOptions {
  /** Unique name of an item; its position where absent. */
  key?: (item: T, index: number) => string
  locks: (item: T) => readonly string[]
  reads?: (item: T) => readonly string[]
  /** Keys of items that go before it. */
  dependsOn?: (item: T) => readonly string[]
  /** An error after which nothing more is worth starting: the run ends with it as soon as the others have ended. */
  fatal?: (error: unknown) => boolean
}

/** The result of each item, in the order of `items`; rejects on abort and on a fatal error. */
export async function runScheduled<T, R>(
  items: readonly T[],
  options: RunScheduledOptions<T>,
  fn: (item: T, place: { index: number; placement: Placement; signal: AbortSignal }) => Promise<R>,
  signal?: AbortSignal,
): Promise<PromiseSettledResult<R>[]> {
  const entries = items.map((item, index) => ({
    index,
    item,
    key: options.key?.(item, index) ?? String(index),
    locks: options.locks(item),
    reads: options.reads?.(item) ?? [],
    dependsOn: options.dependsOn?.(item) ?? [],
  })) satisfies (ScheduleItem & { item: T; index: number })[]
  const schedule = new Schedule(entries, options)
  const stop = new AbortController()
  const onAbort = () => stop.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
  const results: PromiseSettledResult<R>[] = new Array(items.length)
  try {
    await new Promise<void>((resolve) => {
      const advance = () => {
        if (!stop.signal.aborted) for (const started of schedule.start()) void play(started)
        if (schedule.ended || (stop.signal.aborted && schedule.running === 0)) resolve()
      }
      const play = async ({
        item: entry,
        placement,
      }: {
        item: (typeof entries)[number]
        placement: Placement
      }) => {
        try {
          const value = await fn(entry.item, { index: entry.index, placement, signal: stop.signal })
          results[entry.index] = { status: 'fulfilled', value }
        } catch (reason) {
          results[entry.index] = { status: 'rejected', reason }
          if (options.fatal?.(reason)) stop.abort(reason)
        }
        schedule.finish(entry.key)
        advance()
      }
      advance()
    })
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
  stop.signal.throwIfAborted()
  return results
}
