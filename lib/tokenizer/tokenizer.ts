/**
 * Text to token ids and back through a Hugging Face tokenizer.json. Adds nothing by itself: no BOS, no turn
 * tokens; whoever composes a prompt places special ids by number, so none can be smuggled in through text.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { TokenizerError } from './errors.ts'
import { tokenizerConfigFile, tokenizerFile } from './files.ts'
import { type ByteTable, byteTable } from './vocabulary.ts'

export interface SpecialIds {
  bos: number
  eos: number
  pad: number
  startOfTurn: number
  endOfTurn: number
}

const SPECIAL = {
  bos: '<bos>',
  eos: '<eos>',
  pad: '<pad>',
  startOfTurn: '<start_of_turn>',
  endOfTurn: '<end_of_turn>',
} as const satisfies Record<keyof SpecialIds, string>

export class Tokenizer {
  /** Ids of Gemma's control tokens, looked up by name (they differ between Gemma generations). */
  readonly special: SpecialIds
  /** Vocabulary rows, added tokens included. */
  readonly size: number
  /** SHA-256 of tokenizer.json: a checkpoint trained with other ids is another language. */
  readonly hash: string
  /** Where the files came from; a saved checkpoint copies them through. */
  readonly directory: string
  readonly #inner: HuggingFaceTokenizer
  readonly #pieces: Map<string, number>
  readonly #bytes: ByteTable
  readonly #control: RegExp

  private constructor(directory: string, text: string, config: object) {
    const parsed = tokenizerFile(directory, text)
    this.directory = directory
    this.hash = createHash('sha256').update(text).digest('hex')
    this.#inner = new HuggingFaceTokenizer(parsed, config)
    this.#pieces = this.#inner.get_vocab(true)
    this.size = Math.max(...this.#pieces.values()) + 1
    this.special = Object.fromEntries(
      Object.entries(SPECIAL).map(([key, piece]) => [key, this.#required(piece)]),
    ) as unknown as SpecialIds
    const control = this.#inner.get_added_tokens_decoder()
    this.#bytes = byteTable(this.#pieces, this.size, new Set(control.keys()))
    this.#control = new RegExp(
      [...control.values()].map((token) => escapeRegExp(token.content)).join('|'),
      'g',
    )
  }

  /** Reads tokenizer.json and, if there, tokenizer_config.json of a model folder. */
  static load(directory: string): Tokenizer {
    const path = join(directory, 'tokenizer.json')
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (cause) {
      throw new TokenizerError(
        'TOKENIZER_MISSING',
        `tokenizer: expected a readable file ${path}; copy the model's tokenizer.json there`,
        cause,
      )
    }
    return new Tokenizer(directory, text, tokenizerConfigFile(directory))
  }

  /** Token ids of plain text. Control tokens written out in the text are encoded as ordinary characters. */
  encode(text: string): Int32Array {
    // The library splits on added tokens first; page text must never become a turn boundary.
    const safe = text.replace(this.#control, (token) => `${token[0]} ${token.slice(1)}`)
    return Int32Array.from(this.#inner.encode(safe, { add_special_tokens: false }).ids)
  }

  /** Text of ids, control tokens left out. */
  decode(ids: ArrayLike<number>): string {
    return ids.length === 0 ? '' : this.#inner.decode(Array.from(ids), { skip_special_tokens: true })
  }

  /** The piece an id stands for, for reports. */
  piece(id: number): string {
    return this.#inner.id_to_token(id) ?? `<${id}>`
  }

  /** Bytes of every token, for stop strings in the native generator. */
  get bytes(): ByteTable {
    return this.#bytes
  }

  #required(piece: string): number {
    const id = this.#pieces.get(piece)
    if (id === undefined) {
      throw new TokenizerError(
        'TOKENIZER_TURNS',
        `tokenizer: expected the token ${piece} in ${join(this.directory, 'tokenizer.json')}, found none; ` +
          "use a Gemma tokenizer, whose turn tokens delimit the policy's replies",
      )
    }
    return id
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
