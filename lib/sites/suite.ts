/**
 * Tasks from templates: each with a world of its own, in splits that share no instruction, balanced over the
 * templates, and a pure function of its arguments. Also the way back from a task to its template's oracle.
 */
import { SPLITS, type Split, type Task } from '../tasks/task.ts'
import type { PageSnapshot } from '../web/session.ts'
import { SuiteError } from './backend.ts'
import type { EmbeddedTask, OracleView, Origins, Params, Template, World } from './kit.ts'
import { type EmbeddedWeb, IN_PROCESS_ORIGINS } from './registry.ts'
import { createRng, hash128, hashUnit } from './rng.ts'
import { createWorld } from './world.ts'

export interface SuiteOptions {
  templates: Iterable<Template>
  split: Split
  count: number
  seed: number
  origins?: Origins
}

const TRAIN_SHARE = 0.7
const VALIDATION_SHARE = 0.15
/** A template whose parameters miss the split this often has none in it. */
const DRAWS = 400

/** The split an instruction belongs to: held-out parameters never occur in another split, in any world. */
export function splitOf(template: Template, params: Params): Split {
  if (template.novel) return 'novel'
  const u = hashUnit(`split/${template.id}/${template.intent(params)}`)
  return u < TRAIN_SHARE ? 'train' : u < TRAIN_SHARE + VALIDATION_SHARE ? 'validation' : 'test'
}

/** The task a template gives in the world of this seed. */
export function taskFrom(
  template: Template,
  worldSeed: number,
  origins: Origins = IN_PROCESS_ORIGINS,
): EmbeddedTask {
  const world = createWorld(worldSeed)
  const params = template.draw(world, createRng(`task/${template.id}/${worldSeed}`))
  const home = origins[template.sites[0] ?? 'shop']
  const task: Task = {
    sites: [...template.sites],
    task_id: `${template.id}#${worldSeed}`,
    require_login: false,
    storage_state: null,
    start_url: `${home}${template.start?.(params) ?? '/'}`,
    geolocation: null,
    intent_template: template.id,
    instantiation_dict: params,
    intent: template.intent(params),
    require_reset: true,
    intent_template_id: hash128(template.id)[0],
    eval: template.evaluate(world, params, origins),
    embedded: {
      template: template.id,
      split: splitOf(template, params),
      world_seed: worldSeed,
      milestones: template.milestones.map((milestone) => fill(milestone.text, params)),
    },
  }
  return { task, template, params }
}

/** Puts parameters into a sentence: "{product}". */
function fill(text: string, params: Params): string {
  return text.replace(/\{(\w+)\}/g, (whole, key: string) => (key in params ? String(params[key]) : whole))
}

/** `count` tasks of one split, the templates in turn. Throws when a template has no parameters in the split. */
export function buildSuite({ templates, split, count, seed, origins }: SuiteOptions): EmbeddedTask[] {
  if (!SPLITS.includes(split))
    throw new SuiteError(`split expects one of ${SPLITS.join(', ')}, received "${split}"`)
  const eligible = [...templates].filter((template) => (split === 'novel') === (template.novel === true))
  if (eligible.length === 0 && count > 0)
    throw new SuiteError(`none of the templates belongs to the split "${split}"`)
  const rng = createRng(`suite/${split}/${seed}`)
  const streams = eligible.map((template) => rng.fork(template.id))
  const used = new Set<number>()
  return Array.from({ length: count }, (_, i) => {
    const template = eligible[i % eligible.length] as Template
    const stream = streams[i % eligible.length] as typeof rng
    for (let draw = 0; draw < DRAWS; draw++) {
      const worldSeed = stream.int(2 ** 31)
      if (used.has(worldSeed)) continue
      const params = template.draw(createWorld(worldSeed), createRng(`task/${template.id}/${worldSeed}`))
      if (splitOf(template, params) !== split) continue
      used.add(worldSeed)
      return taskFrom(template, worldSeed, origins)
    }
    throw new SuiteError(
      `template "${template.id}" has no parameters in the split "${split}" after ${DRAWS} draws`,
    )
  })
}

/** Finds a task's template and parameters again, from its plain data. */
export function embeddedTaskOf(web: EmbeddedWeb, task: Task): EmbeddedTask {
  if (!task.embedded) throw new SuiteError(`task ${task.task_id} is not one of the embedded suite`)
  return { task, template: web.template(task.embedded.template), params: task.instantiation_dict as Params }
}

/**
 * Which milestones hold at this moment, [4] of 0 or 1. They may be true of a page the agent leaves again, so a
 * caller who wants "reached so far" takes the running maximum over the steps.
 */
export function oracleReached(
  { template, params }: EmbeddedTask,
  world: World,
  page: PageSnapshot,
  answer?: string,
): Uint8Array {
  const view: OracleView = { world, page, params, ...(answer === undefined ? {} : { answer }) }
  return Uint8Array.from(template.milestones, (milestone) => (milestone.reached(view) ? 1 : 0))
}
