/**
 * What a failed episode is compared with: the expert of its embedded task played in the very same world, and
 * successful episodes of the same task or of its template. Plays and looks up; compares nothing itself.
 */
import { play } from '../../sites/demonstrations.ts'
import { embeddedBackend } from '../../sites/backend.ts'
import type { EmbeddedWeb } from '../../sites/registry.ts'
import { taskFrom } from '../../sites/suite.ts'
import { createWorld } from '../../sites/world.ts'
import type { Task } from '../../tasks/task.ts'
import { formatAction } from '../../web/grammar.ts'
import { inProcessDriver } from '../../web/in-process.ts'
import type { Addressing } from '../../web/observation.ts'
import { actionKey, fold, type ValueNames, valueNames } from './actions.ts'
import type { FailureStep, FailureTrace } from './diagnosis.ts'

export interface Reference {
  /** "expert", or the episode it is. */
  name: string
  /** same: of the very task; template: of a task with other values. */
  of: 'task' | 'template'
  steps: readonly FailureStep[]
  /** For comparing paths of one template: the values of the reference's task. */
  names: ValueNames
}

/** Successes by task and by template; of equal paths only the first is kept. */
export class Peers {
  readonly #byTask = new Map<string, Map<string, Reference>>()
  readonly #byTemplate = new Map<string, Map<string, Reference>>()

  constructor(episodes: Iterable<FailureTrace>) {
    for (const episode of episodes) this.add(episode)
  }

  add({ id, task, judgement, end, steps }: FailureTrace): void {
    if (judgement.score < 1 || end === 'error' || steps.length === 0) return
    const reference = { name: `episode ${id}`, steps, names: valueNames(task.instantiation_dict) }
    const path = steps.map((step) => actionKey(step)).join('\n')
    keep(this.#byTask, taskKey(task), path, { ...reference, of: 'task' })
    keep(this.#byTemplate, templateKey(task), path, { ...reference, of: 'template' })
  }

  /** Of the same task where there are any, else of its template; at most `limit`. */
  of(task: Task, limit = 8): Reference[] {
    const own = this.#byTask.get(taskKey(task)) ?? this.#byTemplate.get(templateKey(task))
    return [...(own?.values() ?? [])].slice(0, limit)
  }
}

function keep(map: Map<string, Map<string, Reference>>, key: string, path: string, reference: Reference) {
  const known = map.get(key) ?? new Map<string, Reference>()
  if (!known.has(path)) known.set(path, reference)
  map.set(key, known)
}

/** Two suites may number their tasks alike. */
const taskKey = ({ task_id, intent }: Task) => `${task_id} ${fold(intent)}`
const templateKey = (task: Task) =>
  task.embedded?.template ?? `${task.sites.join(',')} ${task.intent_template_id} ${fold(task.intent_template)}`

/**
 * The scripted expert's path through an embedded task, with its milestones; undefined for other tasks, and where the
 * expert does not solve the task.
 */
export async function expertReference(
  web: EmbeddedWeb,
  trace: Pick<FailureTrace, 'task' | 'steps'>,
): Promise<Reference | undefined> {
  const { embedded } = trace.task
  if (!embedded || !web.templates.has(embedded.template)) return undefined
  const template = web.template(embedded.template)
  const task = taskFrom(template, embedded.world_seed)
  if (task.task.intent !== trace.task.intent) return undefined
  const actions = template.expert(createWorld(embedded.world_seed), task.params)
  const driver = inProcessDriver(embeddedBackend(web))
  const { steps, success } = await play(driver, task, actions, addressingOf(trace))
  if (!success) return undefined
  return {
    name: 'expert',
    of: 'task',
    names: [],
    steps: steps.map(({ observation, action, outcome, reached }): FailureStep => ({
      action,
      actionText: formatAction(action),
      url: observation.url,
      pageText: observation.text,
      ...(outcome.ok ? {} : { error: outcome.error }),
      reached,
    })),
  }
}

/** Observations of an episode name elements in one way; pages compare only in the same one. */
function addressingOf({ steps }: Pick<FailureTrace, 'steps'>): Addressing {
  return steps.some(({ pageText }) => /<\w+[^>]*\bid="\d+"/.test(pageText)) ? 'id' : 'name'
}
