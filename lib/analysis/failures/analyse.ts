/**
 * The failure analyser: one failed episode in, its diagnosis out; and all failures of many episodes, each compared
 * with the expert of its task and with successful peers. Rules only; refine.ts asks a language model on top.
 */
import type { EmbeddedWeb } from '../../sites/registry.ts'
import { classify } from './classify.ts'
import { type Diagnosis, type FailureTrace, isFailure } from './diagnosis.ts'
import { pathOf, reachedAt } from './path.ts'
import { expertReference, Peers, type Reference } from './references.ts'
import { DEFAULT_FAILURE_SETTINGS, type FailureSettings } from './settings.ts'
import { failedCheck, summarise } from './summary.ts'

/** @param references solutions of the same task or template; without any, only rules that need none apply */
export function diagnose(
  trace: FailureTrace,
  references: readonly Reference[] = [],
  settings: FailureSettings = DEFAULT_FAILURE_SETTINGS,
): Diagnosis {
  const { class: kind, rule, keyStep, basis, loop, reference, sign } = classify(trace, references, settings)
  const path = pathOf(trace.steps)
  const texts = Array.from(
    { length: path.milestones },
    (_, k) => trace.task.embedded?.milestones[k] ?? `milestone ${k + 1}`,
  )
  const z = reachedAt(path, trace.steps.length - 1)
  const diagnosis: Omit<Diagnosis, 'summary'> = {
    episode: trace.id,
    task: trace.task.task_id,
    class: kind,
    rule,
    keyStep: keyStep === undefined ? null : keyStep + 1,
    basis,
    steps: trace.steps.length,
    ...(loop && { loop: { entry: loop.start + 1, period: loop.period, repeats: loop.repeats } }),
    ...(reference !== undefined && { reference }),
    reached: texts.filter((_, k) => z[k] === 1),
    missing: texts.filter((_, k) => z[k] !== 1),
    failedCheck: failedCheck(trace),
  }
  return { ...diagnosis, summary: summarise(trace, diagnosis, sign) }
}

export interface AnalyseOptions {
  /** Whose experts are references for embedded tasks; absent = none. */
  web?: EmbeddedWeb
  /** Further successes to compare with. */
  peers?: Peers
  settings?: FailureSettings
  /** Told after every failure. */
  onDiagnosis?: (diagnosis: Diagnosis) => void
  signal?: AbortSignal
}

/** Diagnoses of all failures among the episodes, in their order; their successes are references too. */
export async function analyseFailures(
  traces: readonly FailureTrace[],
  options: AnalyseOptions = {},
): Promise<Diagnosis[]> {
  const peers = options.peers ?? new Peers(traces)
  const experts = new Map<string, Promise<Reference | undefined>>()
  const diagnoses: Diagnosis[] = []
  for (const trace of traces) {
    if (!isFailure(trace)) continue
    options.signal?.throwIfAborted()
    const { web } = options
    // The expert's pages have to be written as the episode's, which may address elements differently.
    const key = `${trace.task.task_id} ${trace.task.intent} ${trace.steps[0]?.pageText.includes(' id="')}`
    if (web && !experts.has(key)) experts.set(key, expertReference(web, trace))
    const expert = await experts.get(key)
    const others = peers.of(trace.task)
    // Where there is a solution of the very task, those of its template say nothing more.
    const references = expert ? [expert, ...others.filter((peer) => peer.of === 'task')] : others
    const diagnosis = diagnose(trace, references, options.settings)
    options.onDiagnosis?.(diagnosis)
    diagnoses.push(diagnosis)
  }
  return diagnoses
}
