/**
 * What the next phase plays: repeats of failed tasks, fresh tasks of the templates that failed, and a uniform
 * remainder (paper Alg. 2's I_sim and I_syn, with templates in place of similarity search). Returns a plan; who
 * can instantiate a template turns it into tasks.
 */
import { expectRange, LearnError } from './arrays.ts'
import { seededRandom } from './random.ts'

export interface CurriculumOptions {
  /** Tasks of the phase. */
  count: number
  /** Share of repeated failed tasks; unused places go to `resample`. */
  repeat: number
  /** Share of new tasks from failed templates, in proportion to their failures. */
  resample: number
  seed: number
}

export interface FailedTask<T> {
  template: string
  task: T
}

/** seed: for drawing the new task's world and parameters, a 31-bit integer. */
export type PlannedTask<T> =
  | { mode: 'repeat'; template: string; task: T }
  | { mode: 'resample' | 'uniform'; template: string; seed: number }

/**
 * Deterministic in its arguments. Without failures everything is uniform. A failed task is repeated at most once
 * a phase. The uniform part deals templates like cards, so that their counts differ by at most one.
 * @param templates Every template that may be trained on
 * @param failures Failed tasks of the last phase; those of unknown templates are not resampled
 */
export function planPhase<T>(
  templates: readonly string[],
  failures: readonly FailedTask<T>[],
  options: CurriculumOptions,
): PlannedTask<T>[] {
  const { count, repeat, resample, seed } = options
  expectRange('repeat', repeat, 0, 1)
  expectRange('resample', resample, 0, 1)
  expectRange('repeat + resample', repeat + resample, 0, 1)
  if (templates.length === 0)
    throw new LearnError('ERR_VALUE', 'expected at least one template, received none')
  const random = seededRandom(seed)
  const draw = () => Math.floor(random.next() * 0x80000000)

  const repeats = random.shuffle([...failures]).slice(0, Math.floor(repeat * count))
  const known = new Set(templates)
  const resampled = failures.filter((failure) => known.has(failure.template))
  const failedShare = Math.floor((repeat + resample) * count)
  const fresh = resampled.length > 0 && resample > 0 ? failedShare - repeats.length : 0

  const plan: PlannedTask<T>[] = repeats.map(({ template, task }) => ({
    mode: 'repeat',
    template,
    task,
  }))
  for (let i = 0; i < fresh; i++) {
    const failure = resampled[random.int(resampled.length)] as FailedTask<T>
    plan.push({ mode: 'resample', template: failure.template, seed: draw() })
  }
  let deck: string[] = []
  while (plan.length < count) {
    if (deck.length === 0) deck = random.shuffle([...templates])
    plan.push({
      mode: 'uniform',
      template: deck.pop() as string,
      seed: draw(),
    })
  }
  return random.shuffle(plan)
}
