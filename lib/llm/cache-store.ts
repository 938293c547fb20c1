/**
 * Replies on disk, one JSON file per request under the SHA-256 of its canonical form: DIR/ab/abcdef....json. A file is
 * whole or absent; one that is neither is reported as damaged, never believed. Decides nothing about when to use it.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { CACHE_FORMAT, type Json } from './canonical.ts'
import type { ModelReply } from './model.ts'

const tokens = z.int().nonnegative()
const alternative = z.object({ token: z.string(), logprob: z.number() })
const entry = z.object({
  format: z.literal(CACHE_FORMAT),
  key: z.string(),
  reply: z.object({
    text: z.string(),
    finish: z.enum(['stop', 'length', 'refused']),
    logprobs: z.array(alternative.extend({ top: z.array(alternative) })).exactOptional(),
    usage: z.object({
      inputTokens: tokens,
      outputTokens: tokens,
      thinkingTokens: tokens,
      cost: z.number().nonnegative().exactOptional(),
    }),
  }),
})

/** What is kept of a reply; the rest belongs to the call that made it. */
export type StoredReply = Pick<ModelReply, 'text' | 'finish' | 'logprobs' | 'usage'>

export type CacheRead =
  | { kind: 'hit'; reply: StoredReply }
  | { kind: 'miss' }
  /** `problem` is a sentence with the file's path. */
  | { kind: 'damaged'; problem: string }

export class CacheStore {
  readonly directory: string
  readonly #redact: (text: string) => string

  /** Nothing is made on disk before the first write. */
  constructor(directory: string, redact: (text: string) => string) {
    this.directory = directory
    this.#redact = redact
  }

  path(key: string): string {
    return join(this.directory, key.slice(0, 2), `${key}.json`)
  }

  async read(key: string): Promise<CacheRead> {
    const path = this.path(key)
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return { kind: 'miss' }
      return { kind: 'damaged', problem: `${path}: expected a readable file, got ${code}` }
    }
    const found = entry.safeParse(parsed(text))
    if (!found.success) {
      const issue = found.error.issues[0]
      const where = issue?.path.join('.') || 'the whole file'
      return { kind: 'damaged', problem: `${path}: expected a cached reply, ${where}: ${issue?.message}` }
    }
    if (found.data.key !== key) {
      return {
        kind: 'damaged',
        problem: `${path}: expected the reply to its own name, got that to another request`,
      }
    }
    return { kind: 'hit', reply: found.data.reply }
  }

  /** Replaces what is there. The request is kept for the reader of the file. @throws a file system error */
  async write(key: string, request: Json, { text, finish, logprobs, usage }: StoredReply): Promise<void> {
    const path = this.path(key)
    const reply = { text, finish, ...(logprobs && { logprobs }), usage }
    const content = JSON.stringify({ format: CACHE_FORMAT, key, reply, request }, null, 1)
    await mkdir(dirname(path), { recursive: true })
    const draft = `${path}.${randomUUID()}.part`
    try {
      await writeFile(draft, `${this.#redact(content)}\n`, { flag: 'wx', flush: true })
      await rename(draft, path)
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
