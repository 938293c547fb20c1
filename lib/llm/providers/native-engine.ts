/** Loads the folder of a Gemma3 checkpoint for generation only, and gives its memory back on close. */
import { Gemma } from '../../native/model.ts'
import { Tokenizer } from '../../tokenizer/tokenizer.ts'
import { LanguageModelError } from '../errors.ts'
import type { NativeEngine } from './native.ts'

export interface NativeOptions {
  dtype: 'float32' | 'bfloat16'
  device: 'cpu' | 'cuda' | `cuda:${number}`
  /** Longest prompt and reply together, tokens; no more than the model's positions. */
  maxLength: number
  /** Requests computed side by side. */
  slots: number
}

export interface LoadedEngine extends NativeEngine {
  close(): void
}

/** @throws LanguageModelError LLM_BAD_REQUEST with the loader's own error as cause */
export async function loadNativeEngine(folder: string, options: NativeOptions): Promise<LoadedEngine> {
  const { dtype, device, slots } = options
  let gemma: Gemma | undefined
  try {
    const tokenizer = Tokenizer.load(folder)
    gemma = await Gemma.load(folder, { dtype, device })
    // Published tokenizers have an image token more than the text model has rows; only what is used must fit.
    const largest = Math.max(...Object.values(tokenizer.special))
    if (largest >= gemma.config.vocab) {
      throw new Error(
        `its tokenizer's control tokens go up to id ${largest}, its embedding has ${gemma.config.vocab} rows`,
      )
    }
    const role = await gemma.role({ name: 'language-model', kind: 'full', copy: false })
    const maxLength = Math.min(options.maxLength, gemma.config.maxPositions)
    const generator = role.generator({ slots, maxLength })
    const loaded = gemma
    return {
      role,
      generator,
      tokenizer,
      maxLength,
      close() {
        generator.dispose()
        role.dispose()
        loaded.dispose()
      },
    }
  } catch (cause) {
    gemma?.dispose()
    throw new LanguageModelError(
      'LLM_BAD_REQUEST',
      `native:${folder}: expected the folder of a Gemma3 checkpoint with its tokenizer: ${(cause as Error)?.message}`,
      { cause },
    )
  }
}
