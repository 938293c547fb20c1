/** The section `milestones` of a configuration as a generator and a checker over given models. */
import type { z } from 'zod'
import type { milestones } from '../config/sections/milestones.ts'
import type { LanguageModel } from '../llm/model.ts'
import { readExamples } from './examples.ts'
import { modelGenerator, readGeneratePrompt, type SubgoalGenerator } from './generator.ts'
import { type ModelChecker, modelChecker, readBatchPrompt, readCheckPrompt } from './model-checker.ts'

export type MilestoneSettings = z.output<typeof milestones>

/** @throws PromptError when a file of the settings cannot be used */
export function configuredGenerator(model: LanguageModel, settings: MilestoneSettings): SubgoalGenerator {
  const { count, shots, seed, vision, maxPageChars, prompt, examples, thinking } = settings
  return modelGenerator(model, {
    count,
    shots,
    seed,
    vision,
    maxPageChars,
    prompt: readGeneratePrompt(prompt ?? undefined),
    examples: readExamples(examples ?? undefined),
    ...(thinking === null ? {} : { thinking }),
  })
}

/** @throws PromptError when a file of the settings cannot be used */
export function configuredChecker(model: LanguageModel, settings: MilestoneSettings): ModelChecker {
  const { batch, monotone, threshold, topLogprobs, vision, maxPageChars, maxActions, thinking } = settings
  return modelChecker(model, {
    batch,
    monotone,
    threshold,
    topLogprobs,
    vision,
    maxPageChars,
    maxActions,
    checkPrompt: readCheckPrompt(settings.checkPrompt ?? undefined),
    batchPrompt: readBatchPrompt(settings.batchPrompt ?? undefined),
    ...(thinking === null ? {} : { thinking }),
  })
}
