/** A model around a model: same name, another way to answer. */
import type { LanguageModel } from './model.ts'

export function wrap(model: LanguageModel, generate: LanguageModel['generate']): LanguageModel {
  return {
    name: model.name,
    ...(model.variant === undefined ? {} : { variant: model.variant }),
    generate,
  }
}
