/**
 * Small files and folders of a checkpoint: JSON in, JSON out and synced, and a folder that appears whole or not
 * at all. Knows nothing of models.
 */
import { copyFile, mkdir, mkdtemp, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { z } from 'zod'

export class CheckpointError extends Error {
  readonly code = 'ERR_CHECKPOINT'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CheckpointError'
  }
}

/** @throws CheckpointError that says what kind of folder `path` was expected in */
export async function readJson(
  path: string,
  folder = 'a model folder in the Hugging Face layout',
): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new CheckpointError(`${path}: expected a readable file; is this ${folder}?`, { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CheckpointError(`${path}: expected JSON, got something else; the file may be truncated`, {
      cause,
    })
  }
}

/** `value` as the schema has it. @throws CheckpointError naming the file and the field */
export function checked<T>(schema: z.ZodType<T>, value: unknown, path: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = issue?.path.length ? issue.path.join('.') : 'the file'
  throw new CheckpointError(`${path}: ${field}: ${issue?.message ?? 'invalid'}`, { cause: result.error })
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Copies those of `names` that are in `from`, synced. */
export async function copyPresent(from: string, to: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const source = join(from, name)
    if (!(await exists(source))) continue
    await copyFile(source, join(to, name))
    await sync(join(to, name))
  }
}

export async function writeJson(path: string, json: unknown): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(`${JSON.stringify(json, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * Fills a folder aside of `dir` and puts it in the place of an older one. When `fill` fails, or the signal
 * fires, nothing is left behind and the older folder stays.
 */
export async function writeFolder(
  dir: string,
  fill: (temporary: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const target = resolve(dir)
  await mkdir(dirname(target), { recursive: true })
  const temporary = await mkdtemp(join(dirname(target), `.${basename(target)}.`))
  try {
    await fill(temporary)
    await sync(temporary)
    signal?.throwIfAborted()
    await replaceFolder(temporary, target)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

/** Moves `from` to `to`; an older folder at `to` is moved aside first and removed last. */
async function replaceFolder(from: string, to: string): Promise<void> {
  const aside = `${from}.old`
  const replaced = await rename(to, aside).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
  try {
    await rename(from, to)
  } catch (error) {
    if (replaced) await rename(aside, to)
    throw error
  }
  await sync(dirname(to))
  if (replaced) await rm(aside, { recursive: true, force: true })
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
