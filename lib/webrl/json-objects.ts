/**
 * The objects of a JSON Lines file or of a JSON document made of arrays, one after the other with the line each
 * begins on, however large the file: no more than one object is in memory. Arrays only group: where one closes,
 * a boundary is told. Knows no format; a Python pickle is recognised and refused.
 */
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { WebRLError } from './errors.ts'

export type JsonItem =
  | { kind: 'object'; value: unknown; line: number }
  /** The innermost open array ended. */
  | { kind: 'end'; depth: number; line: number }

/** @throws WebRLError naming path and line */
export async function* jsonObjects(path: string): AsyncGenerator<JsonItem> {
  await refusePickle(path)
  const scanner = new Scanner(path)
  for await (const chunk of createReadStream(path, 'utf8')) yield* scanner.feed(chunk as string)
  scanner.finish()
}

/**
 * torch.save writes a zip with data.pkl inside, older versions a bare pickle. Opening either runs whatever code the
 * file asks for.
 * @throws WebRLError ERR_WEBRL_PICKLE, ERR_WEBRL_MISSING
 */
export async function refusePickle(path: string): Promise<void> {
  const missing = (cause: unknown) =>
    new WebRLError('ERR_WEBRL_MISSING', `expected a file ${path}, it cannot be read`, { cause })
  const info = await stat(path).catch((cause: unknown) => {
    throw missing(cause)
  })
  if (!info.isFile()) throw new WebRLError('ERR_WEBRL_MISSING', `expected a file ${path}, it is a folder`)
  const file = await open(path).catch((cause: unknown) => {
    throw missing(cause)
  })
  const head = Buffer.alloc(4)
  try {
    await file.read(head, 0, 4, 0)
  } finally {
    await file.close()
  }
  const zip = head.readUInt32BE(0) === 0x504b0304
  const pickle = head[0] === 0x80 && (head[1] as number) <= 5
  if (!zip && !pickle) return
  throw new WebRLError(
    'ERR_WEBRL_PICKLE',
    `${path} is a Python pickle (torch.save): opening one runs code, so it is never read here; ` +
      'convert it to JSON Lines in a Python you trust with the six lines in docs/webrl-data.md',
  )
}

/** Takes objects out of a text that comes in pieces. */
class Scanner {
  readonly #path: string
  #line = 1
  /** Open arrays around the next object. */
  #depth = 0
  /** Open braces and brackets inside the object that is being read. */
  #inside = 0
  #string = false
  #escape = false
  #object: string[] = []
  #startLine = 0
  /** Inside an array: a comma must come before the next value. */
  #needsComma = false
  #first = true

  constructor(path: string) {
    this.#path = path
  }

  *feed(text: string): Generator<JsonItem> {
    let from = 0
    for (let i = 0; i < text.length; i++) {
      const ch = text.charCodeAt(i)
      if (ch === 0x0a) this.#line++
      if (this.#inside > 0) {
        if (!this.#closes(ch)) continue
        this.#object.push(text.slice(from, i + 1))
        yield { kind: 'object', value: this.#parse(this.#object.join('')), line: this.#startLine }
        this.#object = []
        this.#needsComma = true
      } else if (ch === 0x7b) {
        if (this.#needsComma && this.#depth > 0) throw this.#wrong(', or ]', '{')
        this.#inside = 1
        this.#startLine = this.#line
        from = i
      } else if (ch === 0x5b) {
        if (this.#needsComma && this.#depth > 0) throw this.#wrong(', or ]', '[')
        this.#depth++
        this.#needsComma = false
      } else if (ch === 0x5d) {
        if (this.#depth === 0) throw this.#wrong('an object', ']')
        this.#depth--
        this.#needsComma = true
        yield { kind: 'end', depth: this.#depth, line: this.#line }
      } else if (ch === 0x2c) {
        if (!this.#needsComma || this.#depth === 0) throw this.#wrong('an object', ',')
        this.#needsComma = false
      } else if (!isSpace(ch) && !(this.#first && ch === 0xfeff)) {
        throw this.#wrong('an object', text.slice(i, i + 12).split('\n', 1)[0] as string)
      }
      this.#first = false
    }
    if (this.#inside > 0) this.#object.push(text.slice(from))
  }

  finish(): void {
    if (this.#inside === 0 && this.#depth === 0) return
    const line = this.#inside > 0 ? this.#startLine : this.#line
    throw new WebRLError(
      'ERR_WEBRL_FORMAT',
      `${this.#path} line ${line}: expected ${this.#inside > 0 ? 'the object that begins here' : 'the array'} to end, ` +
        'the file ends first; write it anew',
    )
  }

  /** Whether this character ends the object. */
  #closes(ch: number): boolean {
    if (this.#string) {
      if (this.#escape) this.#escape = false
      else if (ch === 0x5c) this.#escape = true
      else if (ch === 0x22) this.#string = false
      return false
    }
    if (ch === 0x22) this.#string = true
    else if (ch === 0x7b || ch === 0x5b) this.#inside++
    else if (ch === 0x7d || ch === 0x5d) this.#inside--
    return this.#inside === 0
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new WebRLError(
        'ERR_WEBRL_FORMAT',
        `${this.#path} line ${this.#startLine}: expected a JSON object, it cannot be read (${(cause as Error).message})`,
        { cause },
      )
    }
  }

  #wrong(expected: string, received: string): WebRLError {
    return new WebRLError(
      'ERR_WEBRL_FORMAT',
      `${this.#path} line ${this.#line}: expected ${expected}, received ${JSON.stringify(received)}`,
    )
  }
}

function isSpace(ch: number): boolean {
  return ch === 0x20 || ch === 0x0a || ch === 0x0d || ch === 0x09
}
