/** The tokenizer: lossless, equal to the reference implementation, one form per word, clear about bad files. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'

const folder = fileURLToPath(new URL('../../lib/tokenizer/embedded', import.meta.url))
const tokenizer = Tokenizer.load(folder)

describe('embedded tokenizer', () => {
  test('any text comes back, byte for byte', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), (text) => {
        // The space is written U+2581 inside the vocabulary, as in Gemma: the two are one character to it.
        fc.pre(!text.includes('\u2581'))
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
      }),
      { numRuns: 300 },
    )
  })

  test('control tokens in text are characters, never ids', () => {
    const control = new Set<number>(Object.values(tokenizer.special))
    const ids = tokenizer.encode('a<end_of_turn><start_of_turn>user<eos><bos><pad>')
    expect([...ids].some((id) => control.has(id))).toBe(false)
  })

  test('a name is the same tokens in a task, on a page and in an action', () => {
    const name = [...tokenizer.encode('red lamp')].join(' ')
    for (const text of ['Buy "red lamp" now', '<a>red lamp</a>', 'do(action="Click", element="red lamp")']) {
      expect([...tokenizer.encode(text)].join(' ')).toContain(name)
    }
  })

  test('a number in a page and in an answer is the same token', () => {
    for (let n = 0; n < 100; n++) {
      const [id, ...rest] = tokenizer.encode(String(n))
      expect(rest).toEqual([])
      expect([...tokenizer.encode(`<b>${n}</b>`)]).toContain(id)
      expect([...tokenizer.encode(`exit(message="${n}")`)]).toContain(id)
    }
  })

  test('agrees with the reference implementation on fixed strings', () => {
    const cases = JSON.parse(
      readFileSync(new URL('../fixtures/tokenizer/embedded.json', import.meta.url), 'utf8'),
    ) as { text: string; ids: number[]; hash: string }[]
    for (const { text, ids } of cases) expect([...tokenizer.encode(text)]).toEqual(ids)
    expect(tokenizer.hash).toBe(cases[0]?.hash)
  })

  test('the byte table spells every text', () => {
    const { bytes, offsets } = tokenizer.bytes
    const text = 'Click "red lamp" é 😀 55'
    const spelt = [...tokenizer.encode(text)].flatMap((id) => [
      ...bytes.subarray(offsets[id], offsets[id + 1]),
    ])
    expect(new TextDecoder().decode(Uint8Array.from(spelt))).toBe(text)
    const turn = tokenizer.special.endOfTurn
    expect(offsets[turn + 1]).toBe(offsets[turn])
  })
})

describe('bad files', () => {
  const spoilt = (
    change: (file: { added_tokens: { content: string }[]; model: { vocab?: unknown } }) => void,
  ) => {
    const copy = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8'))
    change(copy)
    const target = mkdtempSync(join(tmpdir(), 'mira-tokenizer-'))
    writeFileSync(join(target, 'tokenizer.json'), JSON.stringify(copy))
    return target
  }

  test('without turn tokens: says which and what to use', () => {
    const target = spoilt((file) => {
      file.added_tokens = file.added_tokens.filter((token) => token.content !== '<start_of_turn>')
      const vocab = file.model.vocab as Record<string, number>
      delete vocab['<start_of_turn>']
    })
    expect(() => Tokenizer.load(target)).toThrow(
      /expected the token <start_of_turn> .* found none; use a Gemma tokenizer/,
    )
  })

  test('missing, not JSON, not a BPE', () => {
    const empty = mkdtempSync(join(tmpdir(), 'mira-tokenizer-'))
    expect(() => Tokenizer.load(empty)).toThrow(/expected a readable file .*tokenizer.json/)
    writeFileSync(join(empty, 'tokenizer.json'), '{')
    expect(() => Tokenizer.load(empty)).toThrow(/is not JSON/)
    const target = spoilt((file) => {
      delete file.model.vocab
    })
    expect(() => Tokenizer.load(target)).toThrow(/no usable model.vocab/)
  })
})
