/** The two files of a Hugging Face tokenizer, checked far enough that the library cannot misread them. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { TokenizerError } from './errors.ts'

const shape = z.looseObject({
  model: z.looseObject({
    type: z.string().optional(),
    vocab: z.record(z.string(), z.number().int().nonnegative()),
  }),
  added_tokens: z.array(z.looseObject({ id: z.number().int().nonnegative(), content: z.string() })),
})

export function tokenizerFile(directory: string, text: string): object {
  const path = join(directory, 'tokenizer.json')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new TokenizerError(
      'TOKENIZER_FORMAT',
      `tokenizer: ${path} is not JSON; copy it again from the model`,
      cause,
    )
  }
  const checked = shape.safeParse(parsed)
  if (!checked.success) {
    const issue = checked.error.issues[0]
    throw new TokenizerError(
      'TOKENIZER_FORMAT',
      `tokenizer: ${path} has no usable ${issue?.path.join('.') || 'content'} (${issue?.message}); ` +
        'expected the tokenizer.json of a BPE model',
      checked.error,
    )
  }
  return parsed as object
}

export function tokenizerConfigFile(directory: string): object {
  const path = join(directory, 'tokenizer_config.json')
  if (!existsSync(path)) return {}
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as object
  } catch (cause) {
    throw new TokenizerError(
      'TOKENIZER_FORMAT',
      `tokenizer: ${path} is not JSON; copy it again from the model`,
      cause,
    )
  }
}
