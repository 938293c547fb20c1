/**
 * JSON Lines that survive a crash: appended whole, handed to the system at once, and read back with a torn last
 * line left out. Knows nothing of what the lines mean.
 */
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import { createInterface } from 'node:readline'
import { RunError, systemCode } from './errors.ts'

export class JsonlWriter {
  readonly path: string
  #file: number | undefined

  /** Opens for appending; a last line that an earlier process tore is ended first, so that ours stay whole. */
  constructor(path: string) {
    this.path = path
    try {
      this.#file = openSync(path, 'a+')
    } catch (cause) {
      throw new RunError(
        'ERR_RUN_UNWRITABLE',
        `expected to append to ${path}, it cannot be opened (${systemCode(cause)})`,
        { cause },
      )
    }
    const { size } = fstatSync(this.#file)
    const last = Buffer.alloc(1)
    if (size > 0 && readSync(this.#file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a) this.#append('\n')
  }

  write(value: unknown): void {
    this.#append(`${JSON.stringify(value)}\n`)
  }

  /** Returns once the disk has everything. */
  sync(): void {
    if (this.#file !== undefined) fsyncSync(this.#file)
  }

  close(): void {
    if (this.#file === undefined) return
    fsyncSync(this.#file)
    closeSync(this.#file)
    this.#file = undefined
  }

  #append(text: string): void {
    if (this.#file === undefined)
      throw new RunError('ERR_RUN_UNWRITABLE', `expected ${this.path} to be open, it was closed`)
    const bytes = Buffer.from(text)
    try {
      for (let sent = 0; sent < bytes.length; ) sent += writeSync(this.#file, bytes, sent)
    } catch (cause) {
      throw new RunError(
        'ERR_RUN_UNWRITABLE',
        `expected to append to ${this.path}, writing failed (${systemCode(cause)})`,
        { cause },
      )
    }
  }
}

/**
 * Values of the file in order; none when it does not exist. A line that is not JSON is skipped when it is the
 * last of a process that was killed (nothing but the next process's first line follows), and is an error
 * otherwise only if `strict`.
 */
export async function* readJsonl(path: string, options: { strict?: boolean } = {}): AsyncGenerator<unknown> {
  if (!existsSync(path)) return
  const lines = createInterface({
    input: createReadStream(path, 'utf8'),
    crlfDelay: Number.POSITIVE_INFINITY,
  })
  let number = 0
  let torn: { line: number; cause: unknown } | undefined
  for await (const line of lines) {
    number++
    if (line.trim() === '') continue
    if (torn && options.strict) {
      throw new RunError(
        'ERR_RUN_FORMAT',
        `${path} line ${torn.line}: expected JSON, received something else`,
        { cause: torn.cause },
      )
    }
    try {
      yield JSON.parse(line)
    } catch (cause) {
      torn = { line: number, cause }
    }
  }
}
