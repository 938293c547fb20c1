/** Objects of a file, checked against a schema, with sentences that name file, line and field; and writing them. */
import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { z } from 'zod'
import { WebRLError } from './errors.ts'
import { jsonObjects } from './json-objects.ts'

/** @throws WebRLError ERR_WEBRL_FORMAT */
export function check<T extends z.ZodType>(
  schema: T,
  value: unknown,
  what: string,
  where: string,
): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new WebRLError(
    'ERR_WEBRL_FORMAT',
    `${where}: expected ${what}, field ${issue?.path.join('.') || '(the object itself)'} is wrong: ${issue?.message}`,
    { cause: result.error },
  )
}

/** Every object of a file as the schema reads it. */
export async function* readRecords<T extends z.ZodType>(
  path: string,
  schema: T,
  what: string,
): AsyncGenerator<{ value: z.output<T>; line: number }> {
  for await (const item of jsonObjects(path)) {
    if (item.kind !== 'object') continue
    yield { value: check(schema, item.value, what, `${path} line ${item.line}`), line: item.line }
  }
}

/** One JSON text a line; the file appears whole, its folder with it. @returns the number of lines */
export function writeJsonLines(
  path: string,
  values: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<number> {
  return writeTexts(path, values, { before: '', between: '\n', after: '\n' })
}

/** One JSON array, an element a line. @returns the number of elements */
export function writeJsonArray(
  path: string,
  values: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<number> {
  return writeTexts(path, values, { before: '[\n', between: ',\n', after: '\n]\n' })
}

async function writeTexts(
  path: string,
  values: Iterable<unknown> | AsyncIterable<unknown>,
  frame: { before: string; between: string; after: string },
): Promise<number> {
  let count = 0
  async function* texts() {
    yield frame.before
    for await (const value of values) yield (count++ === 0 ? '' : frame.between) + JSON.stringify(value)
    if (count > 0 || frame.before !== '') yield frame.after
  }
  const aside = `${path}.partial`
  try {
    await mkdir(dirname(path), { recursive: true })
    await pipeline(Readable.from(texts()), createWriteStream(aside))
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true }).catch(() => {})
    throw error
  }
  return count
}
