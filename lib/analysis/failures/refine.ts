/**
 * A language model's second opinion on a diagnosis: it reads the facts and the steps, and keeps or changes class and
 * key step. The rules' own verdict stays in the diagnosis. Off unless asked for; its prompt can be replaced.
 */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import type { LanguageModel, Usage } from '../../llm/model.ts'
import { askFor } from '../../llm/structured.ts'
import { type Diagnosis, FAILURE_CLASSES, type FailureTrace } from './diagnosis.ts'
import { AnalysisInputError } from './errors.ts'

/** Texts in which {task}, {facts}, {steps}, {class} and {step} are replaced. */
export const refinePrompt = z.strictObject({ system: z.string().min(1), user: z.string().min(1) })
export type RefinePrompt = z.infer<typeof refinePrompt>

export const REFINE_PROMPT: RefinePrompt = {
  system: [
    'You diagnose why a web agent failed. The check at the end has already decided that it failed: do not argue with it, and add nothing that the record does not show.',
    'Choose one class. Go through them in this order and take the first that holds:',
    '- wrong-termination: the agent declared the end, after some relevant work, and the check rejects it.',
    '- stuck-midway: the same action, or a short cycle of actions and pages, came again and again until the episode was stopped.',
    '- fail-attempt: everything was done and only the exit is missing; or the agent left at once, or strayed with its first action and did nothing that belongs to the task.',
    '- others: none of these, for example a failure of the site.',
    'Name the key step: for a loop the step that enters it, for a wrong termination the last action before the end was declared, otherwise the first action that contradicts a sensible way to do the task. Steps count from 1.',
    'A program has proposed an answer. Change it only where the record contradicts it.',
  ].join('\n'),
  user: [
    'Task: {task}',
    '',
    'Facts:',
    '{facts}',
    '',
    'Steps, with the page each was taken on:',
    '{steps}',
    '',
    'Proposed: class {class}, key step {step}.',
    'Answer with the class, the key step (null where none can be named) and one sentence of reason.',
  ].join('\n'),
}

const opinion = z.object({
  class: z.enum(FAILURE_CLASSES),
  key_step: z.int().min(1).nullable(),
  reason: z.string(),
})

export interface RefineOptions {
  prompt?: RefinePrompt
  /** Characters of each page shown; default 400. */
  pageCharacters?: number
  maxTokens?: number
  signal?: AbortSignal
}

/** @throws LanguageModelError as askFor does */
export async function refine(
  model: LanguageModel,
  trace: FailureTrace,
  diagnosis: Diagnosis,
  options: RefineOptions = {},
): Promise<{ diagnosis: Diagnosis; usage: Usage }> {
  const { system, user } = options.prompt ?? REFINE_PROMPT
  const values: Record<string, string> = {
    task: trace.task.intent,
    facts: diagnosis.summary,
    steps: stepLines(trace, options.pageCharacters ?? 400),
    class: diagnosis.class,
    step: String(diagnosis.keyStep ?? 'none'),
  }
  const { value, usage } = await askFor(
    model,
    {
      system,
      messages: [{ role: 'user', content: fill(user, values) }],
      temperature: 0,
      maxTokens: options.maxTokens ?? 1024,
      ...(options.signal ? { signal: options.signal } : {}),
    },
    opinion,
    { name: 'diagnosis' },
  )
  // A step that the episode does not have is no key step; the rules' stands.
  const inside = value.key_step === null || value.key_step <= trace.steps.length
  const refined = {
    model: model.name,
    class: value.class,
    keyStep: inside ? value.key_step : diagnosis.keyStep,
    reason: value.reason,
  }
  return { diagnosis: { ...diagnosis, refined }, usage }
}

function stepLines({ steps }: FailureTrace, pageCharacters: number): string {
  return steps
    .map(({ url, pageText, actionText, error }, t) => {
      const page = pageText.length > pageCharacters ? `${pageText.slice(0, pageCharacters)} ...` : pageText
      return `${t + 1}. on ${url}: ${page}\n   does: ${actionText}${error ? `\n   which failed: ${error}` : ''}`
    })
    .join('\n')
}

/** One pass, so that what a page says is never taken for a placeholder. */
function fill(template: string, values: Record<string, string>): string {
  return template.replace(/\{(task|facts|steps|class|step)\}/g, (_, name: string) => values[name] as string)
}

/** Reads a YAML or JSON file with the texts system and user. */
export async function loadRefinePrompt(path: string): Promise<RefinePrompt> {
  let content: unknown
  try {
    content = parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new AnalysisInputError(
      `refinement prompt ${path}: expected a YAML or JSON file, but ${(cause as Error).message}`,
      { cause },
    )
  }
  const result = refinePrompt.safeParse(content)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new AnalysisInputError(
    `refinement prompt ${path}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}; it needs the texts system and user`,
    { cause: result.error },
  )
}
