/**
 * A judge of meaning that asks a language model, with prompts of our own or from a file. A reply that cannot be read
 * is asked for once more and then is UndecidedError; verdicts are kept by their content.
 */
import { createHash } from 'node:crypto'
import { appendFile, readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import type { LanguageModel } from '../llm/model.ts'
import { EvaluationError, type Judge, type Question, UndecidedError } from '../tasks/evaluate.ts'

/** Templates in which {intent}, {reference} and {answer} are replaced. */
export const judgePrompts = z.strictObject({
  system: z.string().optional(),
  fuzzy: z.string().min(1),
  ua: z.string().min(1),
})
export type JudgePrompts = z.infer<typeof judgePrompts>

export const JUDGE_PROMPTS: JudgePrompts = {
  system:
    'You check the answers of a web agent against reference answers. You are strict about facts and indifferent to wording.',
  fuzzy: [
    'A web agent was given this task:',
    '{intent}',
    '',
    'The reference answer is:',
    '{reference}',
    '',
    'The agent answered:',
    '{answer}',
    '',
    'Does the answer say the same as the reference? Other words, other formats of dates, numbers and units, and additional true remarks are fine; a missing, different or contradicted fact is not. "N/A" in either means that the task cannot be done.',
    'Reply with one of: correct, partially correct, incorrect. Write nothing else.',
  ].join('\n'),
  ua: [
    'This task of a web agent cannot be done:',
    '{intent}',
    '',
    'The actual reason is:',
    '{reference}',
    '',
    'The agent reported:',
    '{answer}',
    '',
    'Does the report name that reason, even if only implicitly?',
    'Reply with one of: same, different. Write nothing else.',
  ].join('\n'),
}

/** Reads a YAML or JSON file with the keys fuzzy, ua and optionally system. */
export async function loadJudgePrompts(path: string): Promise<JudgePrompts> {
  let content: unknown
  try {
    content = parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new EvaluationError(
      `judge prompts ${path}: expected a YAML or JSON file, but ${(cause as Error).message}`,
      { cause },
    )
  }
  const result = judgePrompts.safeParse(content)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new EvaluationError(
    `judge prompts ${path}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}; it needs the texts fuzzy and ua`,
    { cause: result.error },
  )
}

/** Where verdicts are kept; a Map is one. */
export interface VerdictCache {
  get(key: string): boolean | undefined
  set(key: string, verdict: boolean): unknown
}

export interface ModelJudgeOptions {
  prompts?: JudgePrompts
  cache?: VerdictCache
  /** Longest reply, tokens; default 768. */
  maxTokens?: number
  signal?: AbortSignal
}

const REPLIES = {
  fuzzy: { words: /\b(partially correct|not correct|incorrect|correct)\b/g, yes: 'correct' },
  ua: { words: /\b(different|not the same|same)\b/g, yes: 'same' },
} as const

/** The last verdict in a reply, which is its conclusion; undefined where there is none. */
export function parseVerdict(kind: Question['kind'], reply: string): boolean | undefined {
  const found = reply.toLowerCase().match(REPLIES[kind].words)
  return found ? found.at(-1) === REPLIES[kind].yes : undefined
}

export function modelJudge(model: LanguageModel, options: ModelJudgeOptions = {}): Judge {
  const prompts = options.prompts ?? JUDGE_PROMPTS
  const { cache, signal } = options
  const ask = async (text: string): Promise<string> => {
    const reply = await model.generate({
      ...(prompts.system ? { system: prompts.system } : {}),
      messages: [{ role: 'user', content: text }],
      maxTokens: options.maxTokens ?? 768,
      temperature: 0,
      ...(signal ? { signal } : {}),
    })
    return reply.finish === 'refused' ? '' : reply.text
  }
  return async (question) => {
    const prompt = fill(prompts[question.kind], question)
    const key = createHash('sha256')
      .update(JSON.stringify([model.name, prompts.system ?? '', prompt]))
      .digest('hex')
    const known = cache?.get(key)
    if (known !== undefined) return known
    const replies: string[] = []
    try {
      replies.push(await ask(prompt))
      if (parseVerdict(question.kind, replies[0] as string) === undefined) {
        replies.push(
          await ask(`${prompt}\n\nYour last reply held none of these words. Reply with one of them.`),
        )
      }
    } catch (cause) {
      signal?.throwIfAborted()
      throw new UndecidedError(`the judge ${model.name} could not be asked: ${(cause as Error).message}`, {
        cause,
      })
    }
    const verdict = parseVerdict(question.kind, replies.at(-1) as string)
    if (verdict === undefined) {
      throw new UndecidedError(
        `the judge ${model.name}: expected ${question.kind === 'fuzzy' ? 'correct, partially correct or incorrect' : 'same or different'}, received ${JSON.stringify(replies.at(-1)?.slice(0, 200))} when asked twice; score the episode again from its record with another judge`,
      )
    }
    await cache?.set(key, verdict)
    return verdict
  }
}

/** One pass, so that what an agent wrote is never taken for a placeholder. */
function fill(template: string, { intent, reference, answer }: Question): string {
  const values: Record<string, string> = { intent, reference, answer }
  return template.replace(/\{(intent|reference|answer)\}/g, (_, name: string) => values[name] as string)
}

const line = z.object({ key: z.string(), verdict: z.boolean() })

/** Verdicts in a JSONL file, one line each; a line cut off by a crash is ignored. */
export async function fileVerdicts(path: string): Promise<VerdictCache> {
  const known = new Map<string, boolean>()
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  for (const one of text.split('\n')) {
    const parsed = line.safeParse(jsonOrNothing(one))
    if (parsed.success) known.set(parsed.data.key, parsed.data.verdict)
  }
  // Begins on a line of its own, also behind a line that was cut off.
  let separator = text === '' || text.endsWith('\n') ? '' : '\n'
  return {
    get: (key) => known.get(key),
    set: async (key, verdict) => {
      known.set(key, verdict)
      const before = separator
      separator = ''
      await appendFile(path, `${before}${JSON.stringify({ key, verdict })}\n`)
    },
  }
}

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
