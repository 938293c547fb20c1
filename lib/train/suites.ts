/**
 * The tasks of a run: what imitation is shown, what each phase plays, what is held out. All of them are pure
 * functions of the configuration and the run's seed.
 */
import type { Config } from '../config/schema.ts'
import { type PlannedTask, planPhase } from '../learn/curriculum.ts'
import { seededRandom } from '../learn/random.ts'
import type { EmbeddedTask, Template } from '../sites/kit.ts'
import type { EmbeddedWeb } from '../sites/registry.ts'
import { buildSuite } from '../sites/suite.ts'
import type { Split, Task } from '../tasks/task.ts'

/** Evaluation tasks never change with the run's seed: seeds differ in training, not in the exam. */
const EXAM_SEED = 20260319

export class Suites {
  readonly #web: EmbeddedWeb
  readonly #config: Config
  /** Templates of the configured sites. */
  readonly templates: readonly Template[]

  constructor(web: EmbeddedWeb, config: Config) {
    this.#web = web
    this.#config = config
    const { sites, templates } = config.suite
    const wanted = templates === null ? [...web.templates.values()] : templates.map((id) => web.template(id))
    const allowed = new Set<string>(sites)
    this.templates = wanted.filter((template) => template.sites.every((site) => allowed.has(site)))
  }

  /** Held-out tasks, the same for every seed and phase. */
  exam(split: Exclude<Split, 'train'>, count: number): Task[] {
    return this.#build(split, count, EXAM_SEED).map(({ task }) => task)
  }

  demonstrations(count: number): EmbeddedTask[] {
    return this.#build('train', count, this.#seed('demonstrations'))
  }

  /** Tasks that train the critics before the first phase. */
  warmup(count: number): Task[] {
    return this.#build('train', count, this.#seed('critics')).map(({ task }) => task)
  }

  /** A phase's tasks from the failures of the one before (paper Alg. 2). */
  phase(
    phase: number,
    failures: readonly Task[],
  ): { tasks: Task[]; plan: Record<PlannedTask<Task>['mode'], number> } {
    const { curriculum, phases } = this.#config
    const planned = planPhase(
      this.templates.filter((template) => !template.novel).map((template) => template.id),
      curriculum.enabled ? failures.map((task) => ({ template: task.embedded?.template ?? '', task })) : [],
      {
        count: phases.rollouts,
        repeat: curriculum.enabled ? curriculum.repeat : 0,
        resample: curriculum.enabled ? curriculum.resample : 0,
        seed: this.#seed(`phase-${phase}`),
      },
    )
    const plan = { repeat: 0, resample: 0, uniform: 0 }
    const tasks = planned.map((item) => {
      plan[item.mode]++
      if (item.mode === 'repeat') return item.task
      const [fresh] = buildSuite({
        templates: [this.#web.template(item.template)],
        split: 'train',
        count: 1,
        seed: item.seed,
      })
      return (fresh as EmbeddedTask).task
    })
    return { tasks, plan }
  }

  #build(split: Split, count: number, seed: number): EmbeddedTask[] {
    if (count === 0) return []
    return buildSuite({ templates: this.templates, split, count, seed })
  }

  #seed(label: string): number {
    const bytes = new TextEncoder().encode(label)
    return seededRandom(this.#config.run.seed, ...bytes).int(2 ** 31)
  }
}
