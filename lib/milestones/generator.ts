/**
 * Milestones for a task before its first step: from a language model, given the task and the first page (paper 5.1,
 * A.4), or from the embedded suite's own templates, which know them exactly.
 */
import { z } from 'zod'
import type { LanguageModel, ModelRequest, Usage } from '../llm/model.ts'
import { askFor } from '../llm/structured.ts'
import type { Task } from '../tasks/task.ts'
import type { SeenPage } from './checker.ts'
import { type Example, type ExampleSet, drawExamples, readExamples } from './examples.ts'
import { type PageLimits, pageText, withPicture } from './page-text.ts'
import { fillPrompt, type Prompt, readPrompt } from './prompt-file.ts'

export interface GenerateMilestones {
  task: Task
  /** The page the task starts on, its screenshot included where there is one; absent = from the task's text alone. */
  page?: SeenPage
  signal?: AbortSignal
}

export interface GeneratedMilestones {
  /** [K], in the order they are expected to be reached. */
  milestones: string[]
  /** Of all replies it took; absent where no model was asked. */
  usage?: Usage
  /** Wall-clock seconds; 0 where the reply was cached or no model was asked. */
  seconds: number
}

export interface SubgoalGenerator {
  /** "oracle", or the model's name. */
  readonly name: string
  generate(request: GenerateMilestones): Promise<GeneratedMilestones>
}

const RULE = { required: ['task', 'count', 'examples'], optional: ['sites', 'url', 'page'] } as const
export type GeneratePlaceholder = 'task' | 'count' | 'examples' | 'sites' | 'url' | 'page'

/** The prompt that comes with mira, or a file in its place. */
export function readGeneratePrompt(path?: string): Prompt<GeneratePlaceholder> {
  return readPrompt<GeneratePlaceholder>(path ?? new URL('./prompts/generate.md', import.meta.url), RULE)
}

/** Fewest and most milestones a generator can be asked for. */
export const COUNTS = { least: 2, most: 8 } as const
const LONGEST = 300

export interface ModelGeneratorOptions extends PageLimits {
  /** K; 2 to 8, default 4. */
  count?: number
  prompt?: Prompt<GeneratePlaceholder>
  examples?: ExampleSet
  /** Examples shown per category of the task's sites; default 2. */
  shots?: number
  /** Which examples and in which order; default 0. */
  seed?: number
  /** Show the model the screenshot where there is one; default true. */
  vision?: boolean
  /** Default 0. */
  temperature?: number
  /** Longest reply, tokens, thinking included; default 4096. */
  maxTokens?: number
  /** Default: not said. */
  thinking?: ModelRequest['thinking']
}

/**
 * generate() rejects with LanguageModelError, LLM_MALFORMED where the model twice gave no K milestones.
 * @throws RangeError when count is out of range
 */
export function modelGenerator(model: LanguageModel, options: ModelGeneratorOptions = {}): SubgoalGenerator {
  const {
    count = 4,
    shots = 2,
    seed = 0,
    vision = true,
    temperature = 0,
    maxTokens = 4096,
    thinking,
  } = options
  if (!(Number.isInteger(count) && count >= COUNTS.least && count <= COUNTS.most)) {
    throw new RangeError(
      `milestones.count: expected a whole number from ${COUNTS.least} to ${COUNTS.most}, received ${count}`,
    )
  }
  const prompt = options.prompt ?? readGeneratePrompt()
  const examples = options.examples ?? readExamples()
  const schema = milestonesOf(count)
  return {
    name: model.name,
    async generate({ task, page, signal }) {
      const { system, user } = fillPrompt(prompt, {
        task: task.intent,
        count: String(count),
        sites: task.sites.join(', '),
        examples: drawExamples(examples, task.sites, { shots, seed }).map(exampleText).join('\n\n'),
        url: page?.url ?? task.start_url,
        page: page ? pageText(page, options) : '',
      })
      const request: ModelRequest = {
        system,
        messages: [{ role: 'user', content: withPicture(user, vision ? page?.screenshot : undefined) }],
        maxTokens,
        temperature,
        ...(thinking === undefined ? {} : { thinking }),
        ...(signal ? { signal } : {}),
      }
      const { value, reply, usage } = await askFor(model, request, schema, { name: 'milestones' })
      return { milestones: value.milestones, usage, seconds: reply.seconds }
    },
  }
}

/** The milestones that a task of the embedded suite brings with it. */
export function oracleGenerator(): SubgoalGenerator {
  return {
    name: 'oracle',
    async generate({ task }) {
      if (!task.embedded) {
        throw new TypeError(
          `milestones: the oracle expected a task of the embedded suite, received task ${task.task_id}; name a model for others`,
        )
      }
      return { milestones: [...task.embedded.milestones], seconds: 0 }
    },
  }
}

function exampleText({ task, milestones }: Example): string {
  return [`Task: ${task}`, ...milestones.map((milestone, i) => `${i + 1}. ${milestone}`)].join('\n')
}

/** Numbers that a model puts before them are taken off. */
function milestonesOf(count: number) {
  const text = z
    .string()
    .transform((said) =>
      said
        .replace(/^\s*\d+\s*[.):]\s+/, '')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .pipe(z.string().min(1, 'expected a sentence, received an empty text').max(LONGEST))
  return z.object({ milestones: z.array(text) }).superRefine(({ milestones }, context) => {
    const issue = (message: string) => context.addIssue({ code: 'custom', path: ['milestones'], message })
    if (milestones.length !== count)
      issue(`expected exactly ${count} milestones, received ${milestones.length}`)
    if (new Set(milestones.map((own) => own.toLowerCase())).size < milestones.length)
      issue('expected milestones that differ from one another')
  })
}
