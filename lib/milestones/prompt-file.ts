/**
 * A prompt as a file: the system text, a line of three dashes, the user text, with {placeholders} in both. Says at
 * once which placeholders a file of the user's lacks or misspells.
 */
import { readFileSync } from 'node:fs'

export interface Prompt<Name extends string> {
  system: string
  user: string
  /** Placeholders it may hold. */
  names: readonly Name[]
}

export interface PlaceholderRule<Name extends string> {
  /** Without these a prompt would not ask the question. */
  required: readonly Name[]
  optional: readonly Name[]
}

export class PromptError extends Error {
  override readonly name = 'PromptError'
  readonly code = 'PROMPT'
}

/**
 * @param path Absolute, or relative to the working directory
 * @throws PromptError when it cannot be read or its placeholders are not the rule's
 */
export function readPrompt<Name extends string>(
  path: string | URL,
  rule: PlaceholderRule<Name>,
): Prompt<Name> {
  let text: string
  try {
    text = readFileSync(path, 'utf8').replace(/\r\n/g, '\n')
  } catch (cause) {
    throw new PromptError(`prompt ${path}: expected a readable file, ${(cause as Error).message}`, { cause })
  }
  return parsePrompt(text, rule, String(path))
}

/** @param where Names the text in errors */
export function parsePrompt<Name extends string>(
  text: string,
  { required, optional }: PlaceholderRule<Name>,
  where: string,
): Prompt<Name> {
  const [system, user, ...more] = text.split(/^---$/m).map((part) => part.trim())
  if (!system || !user || more.length > 0) {
    throw new PromptError(
      `prompt ${where}: expected a system text, one line of three dashes and a user text, received ${more.length + (user === undefined ? 1 : 2)} parts`,
    )
  }
  const names = [...required, ...optional]
  const found = new Set([...text.matchAll(PLACEHOLDER)].map(([, name]) => name as string))
  const missing = required.filter((name) => !found.has(name))
  if (missing.length > 0) {
    throw new PromptError(`prompt ${where}: expected {${missing.join('}, {')}} in it, found ${shown(found)}`)
  }
  const unknown = [...found].filter((name) => !(names as string[]).includes(name))
  if (unknown.length > 0) {
    throw new PromptError(
      `prompt ${where}: expected no placeholders but ${shown(names)}, found {${unknown.join('}, {')}}`,
    )
  }
  return { system, user, names }
}

/** In one pass, so that what a page or an agent wrote is never taken for a placeholder; empty lines fold into one. */
export function fillPrompt<Name extends string>(
  { system, user }: Prompt<Name>,
  values: Readonly<Record<Name, string>>,
): { system: string; user: string } {
  const fill = (text: string) =>
    text
      .split(/\n{2,}/)
      .map((block) => block.replace(PLACEHOLDER, (_, name: string) => values[name as Name]))
      .filter((block) => block.trim() !== '')
      .join('\n\n')
  return { system: fill(system), user: fill(user) }
}

const PLACEHOLDER = /\{([a-z]+)\}/g

function shown(names: Iterable<string>): string {
  return [...names].map((name) => `{${name}}`).join(', ') || 'none'
}
