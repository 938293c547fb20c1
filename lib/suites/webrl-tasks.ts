/**
 * Tasks without a reward, as WebRL generates and ships them: {task, web} lines, {intent, sites, start_url} objects,
 * and full task objects. All become WebArena's object on the user's sites; what stands in their `eval` is WebRL's
 * placeholder, so a judge must score them.
 */
import { z } from 'zod'
import type { Task } from '../tasks/task.ts'
import { SuiteInputError } from './errors.ts'
import { check, type RawTask, readTaskValues, taskLabels } from './task-file.ts'

/** Names of sites in generated lines, and the sites of WebArena they mean. */
const WEB_SITES = {
  cms: 'shopping_admin',
  oss: 'shopping',
  map: 'map',
  reddit: 'reddit',
  gitlab: 'gitlab',
} as const

const site = z.string().transform((name) => WEB_SITES[name as keyof typeof WEB_SITES] ?? name)
const id = z.union([z.number().int(), z.string()]).optional()

const generated = z.object({ task: z.string().trim().min(1), web: site, task_id: id }).transform((line) => ({
  task_id: line.task_id,
  intent: line.task,
  sites: [line.web],
  start_url: undefined as string | undefined,
}))

/** Also reads full objects: the fields it leaves out hold nothing for tasks without a reward. */
const described = z.object({
  task_id: id,
  intent: z.string().trim().min(1),
  sites: z.array(site).min(1),
  start_url: z.string().optional(),
})

/**
 * The tasks of a file (.json or .jsonl). Where an object has no start URL, its first site's home is it. Labels
 * (mutates, locks, reads, depends_on) may stand beside the fields, as in every task file; nothing else says whether
 * such a task changes its site, so that without a label it is taken to, unless `mutates` says otherwise.
 */
export async function readWebRlTasks(path: string, { mutates = true } = {}): Promise<RawTask[]> {
  const seen = new Set<string>()
  return (await readTaskValues(path)).map(({ value, where }, index) => {
    const isLine = typeof value === 'object' && value !== null && 'web' in value
    const {
      task_id = index,
      intent,
      sites,
      start_url,
    } = isLine ? check(generated, value, where) : check(described, value, where)
    if (seen.has(String(task_id)))
      throw new SuiteInputError(
        `${where} has the task_id ${task_id} of a task before it; give every task its own`,
      )
    seen.add(String(task_id))
    const labels = { mutates, ...check(taskLabels, value, where) }
    const home = `__${(sites[0] as string).toUpperCase()}__`
    return { task: unrewarded({ task_id, intent, sites, start_url: start_url?.trim() || home }), labels }
  })
}

/** WebRL's full object for a task that nothing but a judge can score. */
export function unrewarded(part: Pick<Task, 'task_id' | 'intent' | 'sites' | 'start_url'>): Task {
  const login = part.sites.filter((name) => name !== 'map' && name !== 'wikipedia')
  return {
    sites: part.sites,
    task_id: part.task_id,
    require_login: true,
    storage_state: login.length > 0 ? `./.auth/${login.join('.')}_state.json` : null,
    start_url: part.start_url,
    geolocation: null,
    intent_template: '',
    instantiation_dict: {},
    intent: part.intent,
    require_reset: false,
    eval: {
      eval_types: ['string_match'],
      reference_answers: { exact_match: 'N/A' },
      reference_url: '',
      program_html: [],
      string_note: '',
      reference_answer_raw_annotation: '',
    },
    intent_template_id: 0,
  }
}
