/** The agent section of a configuration as the settings of the episode loop. */
import type { Config } from '../config/schema.ts'
import type { AgentSetup } from './play.ts'

export type AgentSettings = Pick<
  AgentSetup,
  'addressing' | 'dialect' | 'screenshots' | 'grammar' | 'prompt' | 'limits' | 'episodeSeconds'
>

export function agentSettings({ agent }: Config): AgentSettings {
  return {
    addressing: agent.addressing,
    dialect: agent.observation,
    screenshots: agent.screenshots,
    grammar: agent.grammar,
    prompt: {
      style: agent.promptStyle,
      maxPromptTokens: agent.maxPromptTokens,
      minPageTokens: agent.minPageTokens,
      announceFailures: agent.announceFailures,
    },
    limits: {
      horizon: agent.horizon,
      stuckRepeats: agent.stuckRepeats,
      invalidRepeats: agent.invalidRepeats,
    },
    ...(agent.episodeSeconds === null ? {} : { episodeSeconds: agent.episodeSeconds }),
  }
}
