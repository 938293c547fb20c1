/**
 * The iterate-and-validate loop over prompt contexts (paper 5.1): each candidate writes milestones for the tasks of
 * kept episodes, a checker reads the episodes against them, and the candidate whose milestones follow success best is
 * kept. Reports every candidate, the rejected ones too.
 */
import PQueue from 'p-queue'
import type { Episode } from '../agent/episode.ts'
import { finalBelief } from '../milestones/belief.ts'
import type { MilestoneChecker } from '../milestones/checker.ts'
import type { SubgoalGenerator } from '../milestones/generator.ts'
import { checkTrace, type PictureOf, pageAt } from './trace-check.ts'
import { type Validation, validateMilestones } from './validation.ts'

/** A prompt context: a draw of examples, another prompt file, another model. */
export interface Candidate {
  /** "seed 3". */
  name: string
  generator: SubgoalGenerator
}

export const CRITERIA = ['auroc', 'f1', 'tau'] as const
export type Criterion = (typeof CRITERIA)[number]

export interface SelectionOptions {
  /** What is maximised; ties are decided by F1, then AUROC, then the order of the candidates. Default "auroc". */
  criterion?: Criterion
  /** As the checker's; default true. */
  monotone?: boolean
  /** Tasks worked on side by side; default 4. */
  concurrency?: number
  pictureOf?: PictureOf
  onCandidate?: (result: CandidateResult) => void
  signal?: AbortSignal
}

export interface CandidateResult {
  name: string
  validation: Validation
  /** The criterion; null where it is not defined on these episodes. */
  score: number | null
  /** By task, as a string. */
  milestones: Record<string, string[]>
}

export interface Selection {
  criterion: Criterion
  episodes: number
  tasks: number
  /** In the order they were tried. */
  candidates: CandidateResult[]
  /** Name of the one kept. */
  best: string
}

/**
 * Asks one candidate after the other; each task is generated for once per candidate, however many episodes it has.
 * @throws RangeError when there is no candidate, or no scored episode with steps
 */
export async function selectContext(
  candidates: readonly Candidate[],
  checker: MilestoneChecker,
  episodes: readonly Episode[],
  options: SelectionOptions = {},
): Promise<Selection> {
  const { criterion = 'auroc', onCandidate } = options
  if (candidates.length === 0) throw new RangeError('candidates: expected at least one, received none')
  const kept = episodes.filter(
    ({ steps, judgement }) => steps.length > 0 && judgement.unscorable === undefined,
  )
  if (kept.length === 0) {
    throw new RangeError('episodes: expected at least one that was played and scored, received none')
  }
  const byTask = groupByTask(kept)
  const results: CandidateResult[] = []
  for (const { name, generator } of candidates) {
    const milestones: Record<string, string[]> = {}
    const checked = await eachOf([...byTask], options, async ([id, own]) => {
      const [first] = own as [Episode]
      const page = await pageAt(first, 0, options.pictureOf)
      const made = await generator.generate({
        task: first.task,
        ...(page ? { page } : {}),
        ...(options.signal ? { signal: options.signal } : {}),
      })
      milestones[id] = made.milestones
      const traces: { z: Uint8Array; success: boolean }[] = []
      for (const episode of own) {
        const verdicts = await checkTrace(checker, episode, made.milestones, options)
        traces.push({ z: finalBelief(verdicts, options), success: episode.judgement.score >= 1 })
      }
      return traces
    })
    const validation = validateMilestones(checked.flat())
    const result = { name, validation, score: scoreOf(validation, criterion), milestones }
    results.push(result)
    onCandidate?.(result)
  }
  const [best] = [...results].sort(compare) as [CandidateResult]
  return { criterion, episodes: kept.length, tasks: byTask.size, candidates: results, best: best.name }
}

function scoreOf({ auroc, exact, kendall }: Validation, criterion: Criterion): number | null {
  return criterion === 'auroc' ? auroc : criterion === 'f1' ? exact.f1 : kendall.tau
}

/** Better first; what is not defined comes last. */
function compare(a: CandidateResult, b: CandidateResult): number {
  const figures = ({ score, validation }: CandidateResult) => [score, validation.exact.f1, validation.auroc]
  const [own, other] = [figures(a), figures(b)]
  for (const [i, value] of own.entries()) {
    const difference = (other[i] ?? -2) - (value ?? -2)
    if (difference !== 0) return difference
  }
  return 0
}

/** Results in the order of the items; after a failure none is begun. */
async function eachOf<T, R>(
  items: readonly T[],
  { concurrency = 4, signal }: SelectionOptions,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const queue = new PQueue({ concurrency })
  try {
    return await queue.addAll(
      items.map((item) => () => {
        signal?.throwIfAborted()
        return work(item)
      }),
    )
  } finally {
    queue.clear()
  }
}

function groupByTask(episodes: readonly Episode[]): Map<string, Episode[]> {
  const groups = new Map<string, Episode[]>()
  for (const episode of episodes) {
    const id = String(episode.task.task_id)
    groups.set(id, [...(groups.get(id) ?? []), episode])
  }
  return groups
}
