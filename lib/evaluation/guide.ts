/** The sgo and prompted sections of a configuration as a guide around an agent, and as an agent. */
import type { Guide } from '../agent/guide.ts'
import { actingPrompt, promptedPolicy } from '../agent/prompted.ts'
import { type Planner, type Rater, sgo } from '../agent/sgo.ts'
import { type AskOptions, modelAssessor, modelPlanner, modelRater, sgoPrompts } from '../agent/sgo-model.ts'
import { checkerRater, planBy } from '../agent/sgo-parts.ts'
import type { TextPolicy } from '../agent/text-policy.ts'
import { ConfigError } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'
import type { LanguageModels } from '../llm/models.ts'
import type { MilestoneChecker } from '../milestones/checker.ts'
import { readExamples } from '../milestones/examples.ts'
import {
  modelGenerator,
  oracleGenerator,
  readGeneratePrompt,
  type SubgoalGenerator,
} from '../milestones/generator.ts'
import { noisyChecker } from '../milestones/noise.ts'

/**
 * The guide that the configuration names; undefined where sgo.planner is "off".
 * @param checker of the episodes: what "oracle" asks
 * @throws ConfigError, PromptError, LanguageModelError: what is wrong with it, before anything is played
 */
export function openGuide(
  config: Config,
  models: LanguageModels,
  checker: MilestoneChecker,
  { rateEnd = false } = {},
): Guide | undefined {
  const { target, replanAfter, maxReplans, stallTemperature, planner } = config.sgo
  const { monotone } = config.milestones
  if (planner === 'off') return undefined
  const parts = planner === 'oracle' ? statedParts(config, models, checker) : askedParts(config, models)
  return sgo(parts.planner, parts.rater, {
    target,
    monotone,
    replanAfter,
    maxReplans,
    stallTemperature,
    rateEnd,
  })
}

/** Names of who plans and who rates, as an evaluation keeps them; undefined where nobody does. */
export function guideOf({ sgo: own, llm }: Config): { planner: string; rater: string } | undefined {
  const { planner, rater } = own
  if (planner === 'off') return undefined
  return { planner, rater: rater ?? (planner === 'oracle' ? 'oracle' : (llm.models.rater ?? planner)) }
}

/** @throws PromptError, LanguageModelError */
export function openPrompted(config: Config, models: LanguageModels, spec: string): TextPolicy {
  const { prompt, thinking, maxTokens, ...shown } = config.prompted
  return promptedPolicy(models.model(spec, 'agent'), {
    ...shown,
    ...limits({ thinking, maxTokens }),
    prompt: actingPrompt(config.agent.grammar, prompt ?? undefined),
  })
}

/** Makes a task's first checklist, as the section milestones says. */
export function openGenerator(config: Config, models: LanguageModels, spec: string): SubgoalGenerator {
  const { count, shots, seed, prompt, examples, vision, maxPageChars } = config.milestones
  return modelGenerator(models.model(spec, 'planner'), {
    ...{ count, shots, seed, vision, maxPageChars },
    ...limits({
      maxTokens: config.sgo.maxTokens,
      thinking: config.sgo.thinking ?? config.milestones.thinking,
    }),
    ...(prompt === null ? {} : { prompt: readGeneratePrompt(prompt) }),
    ...(examples === null ? {} : { examples: readExamples(examples) }),
  })
}

interface Parts {
  planner: Planner
  rater: Rater
}

function statedParts(config: Config, models: LanguageModels, checker: MilestoneChecker): Parts {
  const { suite } = config.evaluation
  if (suite !== 'embedded') {
    throw new ConfigError(
      `sgo.planner: "oracle" expected the embedded suite, whose tasks state their milestones, received ${suite}; name a language model`,
    )
  }
  const planner = { plan: planBy(oracleGenerator()) }
  const { rater, noise } = config.sgo
  if (rater !== null && rater !== 'oracle') {
    return { planner, rater: modelRater(models.model(rater, 'rater'), askOptions(config)) }
  }
  if (noise === null) return { planner, rater: checkerRater(checker, { sameAsSteps: true }) }
  return { planner, rater: checkerRater(noisyChecker(checker, noise, config.run.seed)) }
}

function askedParts(config: Config, models: LanguageModels): Parts {
  const { planner: spec, rater, noise } = config.sgo
  if (rater === 'oracle' || noise !== null) {
    throw new ConfigError(
      `sgo.${noise === null ? 'rater: "oracle"' : 'noise'}: expected sgo.planner "oracle", since it knows only the milestones that a task states, received "${spec}"`,
    )
  }
  const options = askOptions(config)
  const model = models.model(spec, 'planner')
  const plan = planBy(openGenerator(config, models, spec))
  const rates = rater ?? config.llm.models.rater ?? spec
  return rates === spec
    ? { planner: modelPlanner(model, options, plan, 'revise'), rater: modelAssessor(model, options) }
    : {
        planner: modelPlanner(model, options, plan, 'next-and-revise'),
        rater: modelRater(models.model(rates, 'rater'), options),
      }
}

function askOptions({ sgo: own }: Config): AskOptions {
  const { prompts, maxPageCharacters, maxHistoryCharacters, images } = own
  return {
    ...{ maxPageCharacters, maxHistoryCharacters, images },
    ...limits(own),
    prompts: sgoPrompts(prompts ?? undefined),
  }
}

function limits({ thinking, maxTokens }: Pick<Config['sgo'], 'thinking' | 'maxTokens'>) {
  return { ...(thinking === null ? {} : { thinking }), ...(maxTokens === null ? {} : { maxTokens }) }
}
