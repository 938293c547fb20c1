/**
 * One decision of a policy, whichever kind it is: what it was asked with, what it said, and which part of that is the
 * action. The kinds differ here and nowhere else in the episode loop.
 */
import type { Task } from '../tasks/task.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { Grammar } from '../web/grammar.ts'
import type { Observation } from '../web/observation.ts'
import type { Guidance } from './guide.ts'
import type { Policy } from './policy.ts'
import { PromptComposer, type PromptLimits, type PromptStyle } from './prompt.ts'
import type { Step } from './step.ts'
import { actionIn, type TextPolicy } from './text-policy.ts'

export type Decision = Pick<Step, 'promptIds' | 'actionIds' | 'logprobs' | 'actionText' | 'said'>

/** What is known when the policy is asked. */
export interface Situation {
  task: Task
  observation: Observation
  steps: readonly Step[]
  guidance?: Guidance
  seed: bigint
  /** 0 = greedy. */
  temperature: number
  signal?: AbortSignal
}

export type Decide = (situation: Situation) => Promise<Decision>

export interface DecideSetup {
  policy: Policy | TextPolicy
  /** Of a policy of token ids; another does not use it. */
  tokenizer: Tokenizer
  prompt: { style: PromptStyle } & PromptLimits
  grammar: Grammar
}

export function isTextPolicy(policy: Policy | TextPolicy): policy is TextPolicy {
  return 'say' in policy
}

/** @param session distinguishes a policy's KV cache from those of episodes beside it */
export function decider(setup: DecideSetup, session: number): Decide {
  const { policy } = setup
  return isTextPolicy(policy)
    ? (situation) => inWords(policy, setup.grammar, situation)
    : inTokens(policy, setup, session)
}

function inTokens(policy: Policy, { tokenizer, prompt }: DecideSetup, session: number): Decide {
  const composer = new PromptComposer(tokenizer, prompt.style, prompt)
  return async ({ task, observation, steps, guidance, seed, temperature, signal }) => {
    const promptIds = composer.compose({
      intent: task.intent,
      history: steps.map(({ actionIds, error }) => ({ actionIds, failed: error !== undefined })),
      pageText: observation.text,
      ...(guidance?.subgoal === undefined ? {} : { subgoal: guidance.subgoal }),
    })
    const { ids, logprobs } = await policy.act({
      promptIds,
      session,
      seed,
      temperature,
      ...(signal ? { signal } : {}),
    })
    return { promptIds, actionIds: ids, logprobs, actionText: tokenizer.decode(ids).trim() }
  }
}

async function inWords(policy: TextPolicy, grammar: Grammar, situation: Situation): Promise<Decision> {
  const { reply, promptHash, spent } = await policy.say({ ...situation, grammar })
  return {
    promptIds: new Int32Array(0),
    actionIds: new Int32Array(0),
    logprobs: new Float32Array(0),
    actionText: actionIn(reply, grammar),
    said: { promptHash, reply, spent },
  }
}
