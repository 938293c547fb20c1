/**
 * MiniWoB++ pages as tasks: one per page and seed. What is to be done is known only to the opened page; until then
 * the intent is the task's name. Success is in the task's own evaluation, so that any judge can score it.
 */
import type { Task } from '../../tasks/task.ts'
import { SuiteInputError } from '../errors.ts'
import { successLocator } from './protocol.ts'

export const MINIWOB_SITE = 'miniwob'

/** Raw reward from which on a task counts as solved, by name; 1 exactly where a name is absent. */
export type Thresholds = Readonly<Record<string, number>>

export interface MiniwobTaskOptions {
  baseUrl: string
  names: readonly string[]
  /** Whole numbers from 0. */
  seeds: readonly number[]
  thresholds?: Thresholds
}

/** Every name with every seed, seeds innermost. */
export function miniwobTasks({ baseUrl, names, seeds, thresholds = {} }: MiniwobTaskOptions): Task[] {
  for (const seed of seeds) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new SuiteInputError(`a MiniWoB++ seed expects a whole number from 0, received ${seed}`)
  }
  return names.flatMap((name) =>
    seeds.map((seed) => ({
      sites: [MINIWOB_SITE],
      task_id: `${name}#${seed}`,
      require_login: false,
      storage_state: null,
      start_url: `${baseUrl}${name}.html`,
      geolocation: null,
      intent_template: name,
      instantiation_dict: { name, seed },
      intent: `MiniWoB++ ${name}`,
      require_reset: false,
      intent_template_id: 0,
      eval: {
        eval_types: ['program_html' as const],
        reference_answers: null,
        reference_url: null,
        program_html: [
          {
            url: 'last',
            locator: successLocator(seed, thresholds[name]),
            required_contents: { exact_match: 'True' },
          },
        ],
      },
    })),
  )
}

/** Name and seed of a task made here. */
export function miniwobTaskOf(task: Task): { name: string; seed: number } {
  const { name, seed } = task.instantiation_dict
  if (task.sites[0] !== MINIWOB_SITE || typeof name !== 'string' || typeof seed !== 'number')
    throw new SuiteInputError(
      `task ${task.task_id} is none of MiniWoB++'s; its instantiation_dict names no page and seed`,
    )
  return { name, seed }
}
