/**
 * Plays what is still open of an evaluation, side by side where tasks allow it, and keeps every result before the
 * next is counted. The environment's failures are tried twice and then kept apart with what the browser left behind.
 */
import { setMaxListeners } from 'node:events'
import type { AgentSetup } from '../agent/play.ts'
import { playWithRetry } from '../agent/rollout.ts'
import { isDeviceError } from '../native/errors.ts'
import { runScheduled } from '../suites/run-scheduled.ts'
import type { Suite } from '../suites/suite.ts'
import { EnvironmentError } from '../web/errors.ts'
import type { EvaluationFolder } from './folder.ts'
import { type EvaluationItem, type ItemRecord, withoutPrompts } from './item.ts'

export interface EvaluationRun {
  suite: Suite
  /** Everything but the driver, which is the suite's. */
  agent: Omit<AgentSetup, 'driver'>
  folder: Pick<EvaluationFolder, 'save' | 'saveEvidence'>
  items: readonly EvaluationItem[]
  /** What is there already; filled as items end. */
  records: Map<string, ItemRecord>
  /** Play items again that ended in an error. */
  retryErrors?: boolean
  temperature: number
  concurrency: number
  /** When shared states are put back; needs suite.reset. */
  reset: 'never' | 'start' | 'attempts'
  onEvent?: (event: EvaluationEvent) => void
  signal?: AbortSignal
}

export type EvaluationEvent =
  | { type: 'start'; total: number; done: number }
  | { type: 'reset'; names: readonly string[]; attempt: number }
  | { type: 'note'; note: string }
  | { type: 'retry'; item: EvaluationItem; message: string }
  | { type: 'item'; item: EvaluationItem; record: ItemRecord; done: number; total: number }

/** @throws the signal's reason, what a reset throws, and an error of the device that computes the policy */
export async function runEvaluation(run: EvaluationRun): Promise<void> {
  const { suite, items, records } = run
  const open = items.filter(({ key }) => {
    const record = records.get(key)
    return record === undefined || (run.retryErrors === true && record.kind === 'error')
  })
  let done = items.length - open.length
  run.onEvent?.({ type: 'start', total: items.length, done })
  for (const [round, waiting] of rounds(open, run).entries()) {
    await resetBefore(round, waiting, run)
    await runScheduled(
      waiting,
      {
        concurrency: run.concurrency,
        key: ({ key }) => key,
        locks: ({ task }) => suite.locks(task),
        reads: ({ task }) => suite.reads(task),
        dependsOn: (item) => keysBefore(item, waiting, suite),
        ...(suite.instances ? { instances: suite.instances } : {}),
        // What the environment does wrong is a record. A lost device, or a result that cannot be kept, is the end.
        fatal: () => true,
      },
      async (item, { placement, signal }) => {
        const task = suite.at?.(item.task, placement) ?? item.task
        const record = await playItem(run, { ...item, task }, signal)
        await run.folder.save(record)
        records.set(item.key, withoutPrompts(record))
        run.onEvent?.({ type: 'item', item, record, done: ++done, total: items.length })
      },
      run.signal,
    ).then(rethrow)
  }
}

/** One round per attempt where attempts would see each other's changes, else all at once. */
function rounds(open: readonly EvaluationItem[], { suite }: EvaluationRun): EvaluationItem[][] {
  if (open.length === 0) return []
  if (!open.some(({ task }) => suite.locks(task).length > 0)) return [[...open]]
  const attempts = [...new Set(open.map(({ attempt }) => attempt))].sort((a, b) => a - b)
  return attempts.map((attempt) => open.filter((item) => item.attempt === attempt))
}

/** Puts back every state that any task of the evaluation may have changed, before somebody looks at it. */
async function resetBefore(round: number, waiting: readonly EvaluationItem[], run: EvaluationRun) {
  const { suite, items, reset, signal } = run
  if (!suite.reset || reset === 'never' || (reset === 'start' && round > 0)) return
  const changed = new Set(items.flatMap(({ task }) => suite.locks(task)))
  const needed = new Set(waiting.flatMap(({ task }) => [...suite.locks(task), ...suite.reads(task)]))
  const names = [...changed].filter((name) => needed.has(name))
  if (names.length === 0) return
  run.onEvent?.({ type: 'reset', names, attempt: waiting[0]?.attempt ?? 0 })
  await suite.reset(names, signal)
}

/** Items of the tasks that go before this one, in the same attempt. */
function keysBefore(item: EvaluationItem, waiting: readonly EvaluationItem[], suite: Suite): string[] {
  const before = new Set(suite.dependsOn?.(item.task))
  if (before.size === 0) return []
  return waiting
    .filter(({ task, attempt }) => attempt === item.attempt && before.has(String(task.task_id)))
    .map(({ key }) => key)
}

/** What no episode can do without: the next would fail in the same way. */
const HOPELESS = new Set(['BROWSER_MISSING', 'ERR_CONFIG', 'LLM_AUTH', 'LLM_BUDGET', 'LLM_OFFLINE'])

async function playItem(run: EvaluationRun, item: EvaluationItem, signal: AbortSignal): Promise<ItemRecord> {
  const { key, task, seed } = item
  // Unique among the episodes in flight; the item may be a copy, on other containers of its sites.
  const session = run.items.findIndex((own) => own.key === key)
  // Every wait of an episode may listen.
  setMaxListeners(0, signal)
  let retried: string | undefined
  try {
    const episode = await playWithRetry(
      { ...run.agent, driver: run.suite.driver },
      {
        id: key,
        task,
        phase: 0,
        seed,
        temperature: run.temperature,
        session,
        signal,
      },
      (error) => {
        retried = messageOf(error)
        run.onEvent?.({ type: 'retry', item, message: retried })
      },
    )
    return { kind: 'episode', key, episode, ...(retried === undefined ? {} : { retried }) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    if (signal.aborted || isDeviceError(error) || HOPELESS.has(code ?? '')) throw error
    const evidence = error instanceof EnvironmentError ? error.evidence : undefined
    const files = await run.folder.saveEvidence(key, evidence, stackOf(error))
    return {
      kind: 'error',
      key,
      error: {
        message: messageOf(error),
        ...(code === undefined ? {} : { code }),
        time: new Date().toISOString(),
        files,
        ...(evidence?.url === undefined ? {} : { url: evidence.url }),
      },
    }
  }
}

function rethrow(results: readonly PromiseSettledResult<unknown>[]): void {
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function stackOf(error: unknown): string {
  const parts: string[] = []
  for (let one = error; one !== undefined; one = one instanceof Error ? one.cause : undefined) {
    parts.push(one instanceof Error ? (one.stack ?? one.message) : String(one))
  }
  return parts.join('\ncaused by: ')
}
