/**
 * Task files of a user: the array of a raw WebArena file, one task, JSON lines, or a folder of single-task config
 * files. Gives checked tasks with their placeholders still in them; every error names file, task and field.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type Task, webArenaTask } from '../tasks/task.ts'
import { SuiteInputError } from './errors.ts'

const names = z.array(z.string().min(1))

/** What a user may say about a task beyond WebArena's fields; absent means that the suite's rule decides. */
export const taskLabels = z.object({
  /** Whether playing it changes its sites. */
  mutates: z.boolean().optional(),
  /** Shared states it changes, by name; overrides `mutates`. */
  locks: names.optional(),
  /** Shared states it only reads. */
  reads: names.optional(),
  /** Ids of tasks to be played before it. */
  depends_on: z.array(z.union([z.number().int(), z.string()])).nullish(),
})
export type TaskLabels = z.infer<typeof taskLabels>

/** WebArena's object as its files have it: fields that every version leaves out somewhere have their usual value. */
const rawTask = webArenaTask.extend({
  task_id: webArenaTask.shape.task_id.optional(),
  require_login: z.boolean().default(false),
  storage_state: z.string().nullable().default(null),
  geolocation: z.unknown().default(null),
  intent_template: z.string().default(''),
  instantiation_dict: z.record(z.string(), z.unknown()).default({}),
  require_reset: z.boolean().default(false),
  intent_template_id: z.number().int().default(0),
  eval: webArenaTask.shape.eval.extend({
    reference_answers: webArenaTask.shape.eval.shape.reference_answers.default(null),
    reference_url: webArenaTask.shape.eval.shape.reference_url.default(null),
    url_note: webArenaTask.shape.eval.shape.url_note.nullish().transform((note) => note ?? undefined),
    program_html: webArenaTask.shape.eval.shape.program_html
      .nullable()
      .default([])
      .transform((list) => list ?? []),
  }),
})

export interface RawTask {
  task: Task
  labels: TaskLabels
}

/** All values of a file or folder with a name for each that error messages use. */
export async function readTaskValues(path: string): Promise<{ value: unknown; where: string }[]> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new SuiteInputError(
      `the task file ${path} cannot be read (${(cause as Error).message}); give the path of WebArena's raw JSON, of one task, or of a folder of single-task files`,
      { cause },
    )
  })
  if (!info.isDirectory()) return valuesOf(await readFile(path, 'utf8'), path)
  const entries = (await readdir(path)).filter((name) => name.endsWith('.json'))
  if (entries.length === 0)
    throw new SuiteInputError(
      `the task folder ${path} holds no .json file; give a folder of single-task files`,
    )
  entries.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  const files = await Promise.all(
    entries.map(async (name) => valuesOf(await readFile(join(path, name), 'utf8'), join(path, name))),
  )
  return files.flat()
}

function valuesOf(text: string, path: string): { value: unknown; where: string }[] {
  if (path.endsWith('.jsonl')) {
    return text
      .split('\n')
      .map((line, i) => ({ line: line.trim(), where: `line ${i + 1} of ${path}` }))
      .filter(({ line }) => line !== '')
      .map(({ line, where }) => ({ value: parse(line, where), where }))
  }
  const value = parse(text, path)
  return Array.isArray(value)
    ? value.map((item, i) => ({ value: item as unknown, where: `task ${i} of ${path}` }))
    : [{ value, where: path }]
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new SuiteInputError(`${where} is not JSON: ${(cause as Error).message}`, { cause })
  }
}

/** WebArena tasks of a path, in their order, placeholders unfilled. Ids must be unique; absent ones are positions. */
export async function readTasks(path: string): Promise<RawTask[]> {
  const seen = new Map<string, string>()
  return (await readTaskValues(path)).map(({ value, where }, index) => {
    const { task_id = index, ...rest } = check(rawTask, value, where)
    const labels = check(taskLabels, value, where)
    const before = seen.get(String(task_id))
    if (before !== undefined)
      throw new SuiteInputError(
        `${where} has the task_id ${task_id} of ${before}; give every task an id of its own`,
      )
    seen.set(String(task_id), where)
    return { task: webArenaTask.parse({ ...rest, task_id }), labels }
  })
}

/** Parses with the first problem as one sentence: place, field, what is wrong. */
export function check<T extends z.ZodType>(schema: T, value: unknown, where: string): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const field = issue?.path.length ? `the field ${issue.path.join('.')}` : 'the value'
  throw new SuiteInputError(
    `${where}: ${field} is not what a task needs: ${issue?.message ?? 'unknown problem'}`,
  )
}
