/**
 * Few-shot examples of milestones by category of site, our own or a file's, and the draw of those that a prompt
 * shows: so many per category of the task's sites, in an order that a seed decides (against a bias of position).
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { createRng } from '../sites/rng.ts'
import { PromptError } from './prompt-file.ts'

const example = z.strictObject({
  task: z.string().min(1),
  /** In the order they are reached. */
  milestones: z.array(z.string().min(1)).min(1),
})
export type Example = z.infer<typeof example>

/** Category to its examples; "general" stands for sites without a category. */
const exampleSet = z.record(z.string(), z.array(example).min(1))
export type ExampleSet = z.infer<typeof exampleSet>

/** Categories are WebArena's; the embedded suite's sites are of the same kinds. */
const CATEGORIES: Readonly<Record<string, string>> = {
  shop: 'shopping',
  admin: 'shopping_admin',
  forum: 'reddit',
  code: 'gitlab',
}
const GENERAL = 'general'

/** @throws PromptError when the file is not a set of examples */
export function readExamples(path?: string): ExampleSet {
  const file = path ?? new URL('./prompts/examples.json', import.meta.url)
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new PromptError(`examples ${file}: expected a JSON file, ${(cause as Error).message}`, { cause })
  }
  const result = exampleSet.safeParse(content)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new PromptError(
    `examples ${file}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}; expected { "category": [{ "task", "milestones" }] }`,
    { cause: result.error },
  )
}

export interface Draw {
  /** Examples per category. */
  shots: number
  seed: number
}

/**
 * The examples for a task on these sites; the same for every task of the same sites. A site without a category of its
 * own gets the general ones, and a set without those gives none for it.
 */
export function drawExamples(set: ExampleSet, sites: readonly string[], { shots, seed }: Draw): Example[] {
  const categories = new Set(sites.map((site) => categoryOf(set, site)))
  const rng = createRng(`examples/${seed}`)
  const drawn = [...categories].flatMap((category) =>
    rng
      .fork(category)
      .shuffle(set[category] ?? [])
      .slice(0, shots),
  )
  return rng.fork(`order/${[...categories].sort().join('+')}`).shuffle(drawn)
}

function categoryOf(set: ExampleSet, site: string): string {
  const category = CATEGORIES[site] ?? site
  return Object.hasOwn(set, category) ? category : GENERAL
}
