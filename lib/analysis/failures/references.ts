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
import { actionKey, fold, generalise, type ValueNames, valueNames } from './actions.ts'
import type { FailureStep, FailureTrace } from './diagnosis.ts'
import { type Path, pathOf } from './path.ts'

export interface Reference {
  /** "expert", or the episode it is. */
  name: string
  /** task: a solution of the very task; template: of one with other values, which its path does not name. */
  of: 'task' | 'template'
  path: Path
}

/** Paths of pages are large; a template rarely has more ways than this. */
const MOST_PEERS = 8

/** Successes by task and by template; of equal ways only the first is kept, and no more than a few. */
export class Peers {
  readonly #byTask = new Map<string, Peer[]>()
  readonly #byTemplate = new Map<string, Peer[]>()

  constructor(episodes: Iterable<FailureTrace>) {
    for (const episode of episodes) this.add(episode)
  }

  add(trace: FailureTrace): void {
    const { task, judgement, end, steps } = trace
    if (judgement.score < 1 || end === 'error' || steps.length === 0) return
    const names = valueNames(task.instantiation_dict)
    const way = steps.map((step) => actionKey(step)).join('\n')
    keep(this.#byTask, taskKey(task), { way, make: () => referenceOf(trace, 'task', []) })
    keep(this.#byTemplate, templateKey(task), {
      way: generalise(way, names),
      make: () => referenceOf(trace, 'template', names),
    })
  }

  /** Of the same task where there are any, else of its template. */
  of(task: Task): Reference[] {
    const own = this.#byTask.get(taskKey(task)) ?? this.#byTemplate.get(templateKey(task)) ?? []
    return own.map((peer) => {
      peer.made ??= peer.make()
      return peer.made
    })
  }
}

interface Peer {
  way: string
  make: () => Reference
  made?: Reference
}

function keep(peers: Map<string, Peer[]>, key: string, peer: Peer): void {
  const known = peers.get(key) ?? []
  if (known.length < MOST_PEERS && known.every(({ way }) => way !== peer.way)) known.push(peer)
  peers.set(key, known)
}

function referenceOf({ id, steps }: FailureTrace, of: Reference['of'], names: ValueNames): Reference {
  return { name: `episode ${id}`, of, path: pathOf(steps, names) }
}

/** Two suites may number their tasks alike. */
const taskKey = ({ task_id, intent }: Task) => `${task_id} ${fold(intent)}`
const templateKey = (task: Task) =>
  task.embedded?.template ??
  `${task.sites.join(',')} ${task.intent_template_id} ${fold(task.intent_template)}`

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
  const path = pathOf(
    steps.map(
      ({ observation, action, outcome, reached }): FailureStep => ({
        action,
        actionText: formatAction(action),
        url: observation.url,
        pageText: observation.text,
        ...(outcome.ok ? {} : { error: outcome.error }),
        reached,
      }),
    ),
  )
  return { name: 'expert', of: 'task', path }
}

/** Observations of an episode name elements in one way; pages compare only in the same one. */
function addressingOf({ steps }: Pick<FailureTrace, 'steps'>): Addressing {
  return steps.some(({ pageText }) => /<\w+[^>]*\bid="\d+"/.test(pageText)) ? 'id' : 'name'
}
