/**
 * One episode from open to judgement: observe, compose, sample, act, check milestones, until the agent exits,
 * the horizon is reached or it is stuck. What the policy says can never throw; what the environment does wrong
 * rejects, so that it is never mistaken for a failure of the policy.
 */
import type { MilestoneChecker } from '../milestones/checker.ts'
import type { Task } from '../tasks/task.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { parseAction } from '../web/grammar.ts'
import type { Addressing } from '../web/observation.ts'
import type { Driver, Session } from '../web/session.ts'
import type { Episode, EpisodeEnd, Judgement } from './episode.ts'
import type { Policy } from './policy.ts'
import { type PastStep, PromptComposer, type PromptLimits, type PromptStyle } from './prompt.ts'
import { stepSeed } from './seed.ts'
import type { Step } from './step.ts'

export interface EpisodeLimits {
  /** Steps at most, the exit included. */
  horizon: number
  /** The same action text this many times in a row ends the episode as stuck; 0 = never. */
  stuckRepeats: number
}

export interface AgentSetup {
  driver: Driver
  policy: Policy
  tokenizer: Tokenizer
  checker: MilestoneChecker
  /** Decides success from the finished session. */
  judge: (task: Task, session: Session, answer: string | undefined) => Promise<Judgement>
  addressing: Addressing
  prompt: { style: PromptStyle } & PromptLimits
  limits: EpisodeLimits
}

export interface PlayRequest {
  id: string
  task: Task
  phase: number
  seed: bigint
  temperature: number
  /** Distinguishes the policy's KV cache from those of episodes beside it. */
  session: number
  signal?: AbortSignal
}

export async function playEpisode(setup: AgentSetup, request: PlayRequest): Promise<Episode> {
  const started = performance.now()
  const session = await setup.driver.open(request.task, {
    addressing: setup.addressing,
    ...(request.signal ? { signal: request.signal } : {}),
  })
  try {
    const { steps, end, answer } = await runSteps(setup, request, session)
    const judgement = await setup.judge(request.task, session, answer)
    return {
      id: request.id,
      task: request.task,
      phase: request.phase,
      seed: request.seed,
      temperature: request.temperature,
      steps,
      end,
      ...(answer === undefined ? {} : { answer }),
      judgement,
      seconds: (performance.now() - started) / 1000,
    }
  } finally {
    setup.policy.release(request.session)
    await session.close()
  }
}

async function runSteps(setup: AgentSetup, request: PlayRequest, session: Session) {
  const composer = new PromptComposer(setup.tokenizer, setup.prompt.style, setup.prompt)
  const steps: Step[] = []
  const history: PastStep[] = []
  let end: EpisodeEnd = 'horizon'
  let answer: string | undefined
  while (steps.length < setup.limits.horizon) {
    request.signal?.throwIfAborted()
    const observation = await session.observe()
    const promptIds = composer.compose({ intent: request.task.intent, history, pageText: observation.text })
    const reply = await setup.policy.act({
      promptIds,
      session: request.session,
      seed: stepSeed(request.seed, steps.length),
      temperature: request.temperature,
      ...(request.signal ? { signal: request.signal } : {}),
    })
    const actionText = setup.tokenizer.decode(reply.ids).trim()
    const action = parseAction(actionText)
    let error: string | undefined
    if (action.kind === 'exit') {
      answer = action.message
      end = 'exit'
    } else if (action.kind === 'invalid') {
      error = action.reason
    } else {
      const outcome = await session.act(action)
      if (!outcome.ok) error = outcome.error
    }
    steps.push({
      promptIds,
      actionIds: reply.ids,
      logprobs: reply.logprobs,
      actionText,
      action,
      url: observation.url,
      pageText: observation.text,
      ...(error === undefined ? {} : { error }),
      reached: await setup.checker.check(request.task, session, answer),
    })
    history.push({ actionIds: reply.ids, failed: error !== undefined })
    if (end === 'exit') break
    if (isStuck(steps, setup.limits.stuckRepeats)) {
      end = 'stuck'
      break
    }
  }
  return { steps, end, answer }
}

/** The last n actions are one and the same text. */
function isStuck(steps: readonly Step[], n: number): boolean {
  if (n <= 0 || steps.length < n) return false
  const last = steps.at(-1)?.actionText
  return steps.slice(-n).every((step) => step.actionText === last)
}
