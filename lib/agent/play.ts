/**
 * One episode from open to judgement, with its deadline. What the policy says can never throw (steps.ts); what the
 * environment does wrong rejects, so that it is never mistaken for a failure of the policy.
 */
import type { MilestoneChecker } from '../milestones/checker.ts'
import type { Task } from '../tasks/task.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { DeadlineError } from '../web/errors.ts'
import type { Grammar } from '../web/grammar.ts'
import type { Addressing, ObservationDialect } from '../web/observation.ts'
import type { Driver, Session, Verdict } from '../web/session.ts'
import { isTextPolicy } from './decide.ts'
import { type EpisodeLimits, earlyStopAnswer } from './ends.ts'
import type { Episode, Judgement } from './episode.ts'
import type { Guidance, Guide } from './guide.ts'
import type { Policy } from './policy.ts'
import type { PromptLimits, PromptStyle } from './prompt.ts'
import type { Step } from './step.ts'
import { type Played, runSteps } from './steps.ts'
import type { TextPolicy } from './text-policy.ts'

export type { EpisodeLimits } from './ends.ts'

export interface AgentSetup {
  driver: Driver
  policy: Policy | TextPolicy
  /** Of a policy of token ids; a policy of texts does not use it. */
  tokenizer: Tokenizer
  /** Tells the agent before each action how far it has come (sgo.ts); absent: a plain agent. */
  guide?: Guide
  checker: MilestoneChecker
  /** Decides success from the finished session; not asked where the environment judges itself. */
  judge: (
    task: Task,
    session: Session,
    answer: string | undefined,
    steps: readonly Step[],
  ) => Promise<Judgement>
  addressing: Addressing
  /** What the agent sees of a page; default "clean". */
  dialect?: ObservationDialect
  /** Keep a picture of the viewport with every step. */
  screenshots?: boolean
  /** How its text is read; default "mira", the superset. */
  grammar?: Grammar
  prompt: { style: PromptStyle } & PromptLimits
  limits: EpisodeLimits
  /** Wall-clock seconds after which an episode is given up as a failure of the environment; absent = never. */
  episodeSeconds?: number
  /** An agent that was stopped is judged on the answer "Early stop: ..." instead of none, as WebArena's harness does. */
  judgeEarlyStops?: boolean
  /** Judge after every step, without an answer, and end with the first success, as BrowserGym does. */
  judgeEveryStep?: boolean
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
  /** Told of every belief and every step as they come. */
  watch?: (event: EpisodeEvent) => void
}

export type EpisodeEvent = { type: 'plan'; guidance: Guidance } | { type: 'step'; step: Step }

/** @throws DeadlineError when the episode takes longer than episodeSeconds, and what the environment throws */
export async function playEpisode(setup: AgentSetup, request: PlayRequest): Promise<Episode> {
  const { episodeSeconds: seconds } = setup
  if (seconds === undefined) return play(setup, request, (work) => work)
  const late = AbortSignal.timeout(Math.ceil(seconds * 1000))
  const signal = request.signal ? AbortSignal.any([request.signal, late]) : late
  const error = new DeadlineError(
    `task ${request.task.task_id}: expected the episode to end within ${seconds} s (agent.episodeSeconds), it was still running`,
  )
  const expired = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(error), { once: true })
  })
  // The deadline may pass while nobody waits.
  expired.catch(() => {})
  return play(setup, { ...request, signal }, (work) => {
    work.catch(() => {})
    return Promise.race([expired, work])
  })
}

/** Gives up waiting at the episode's deadline; whoever is waited for must not be relied on to see the signal. */
type Within = <T>(work: Promise<T>) => Promise<T>

async function play(setup: AgentSetup, request: PlayRequest, within: Within): Promise<Episode> {
  const started = performance.now()
  const opening = setup.driver.open(request.task, {
    addressing: setup.addressing,
    ...(setup.dialect ? { dialect: setup.dialect } : {}),
    ...(setup.screenshots ? { screenshots: true } : {}),
    ...(request.signal ? { signal: request.signal } : {}),
  })
  const session = await within(opening).catch((error: unknown) => {
    // One that opens after all is nobody's.
    opening.then(
      (own) => own.close().catch(() => {}),
      () => {},
    )
    throw error
  })
  try {
    const task = session.intent === undefined ? request.task : { ...request.task, intent: session.intent }
    const played = await within(runSteps(setup, { ...request, task }, session))
    const { steps, end, answer } = played
    return {
      id: request.id,
      task,
      phase: request.phase,
      seed: request.seed,
      temperature: request.temperature,
      steps,
      end,
      ...(answer === undefined ? {} : { answer }),
      judgement: played.judgement ?? (await within(conclude(setup, task, session, played))),
      seconds: (performance.now() - started) / 1000,
    }
  } finally {
    if (!isTextPolicy(setup.policy)) setup.policy.release(request.session)
    await session.close()
  }
}

async function conclude(setup: AgentSetup, task: Task, session: Session, played: Played): Promise<Judgement> {
  const { steps, end, answer, verdict } = played
  if (verdict) return fromVerdict(verdict)
  if (session.verdict) return { score: 0, details: ['the environment has not ended the episode'] }
  const last = steps.at(-1)?.action
  if (last?.kind === 'invalid' && last.crash) {
    return { score: 0, details: [`the published harness ends here without a score: ${last.reason}`] }
  }
  const stopped = setup.judgeEarlyStops ? earlyStopAnswer(end, steps, setup.limits) : undefined
  return setup.judge(task, session, answer ?? stopped, steps)
}

function fromVerdict({ success, reward, reason }: Verdict): Judgement {
  return {
    score: success ? 1 : 0,
    details: [`${success ? 'pass' : 'fail'} environment: reward ${reward}${reason ? `, ${reason}` : ''}`],
  }
}
