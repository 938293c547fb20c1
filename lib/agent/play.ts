/**
 * One episode from open to judgement: observe, be guided, decide, act, check milestones, until the agent exits, the
 * environment ends it or a limit of ends.ts does. What the policy says can never throw; what the environment does
 * wrong rejects, so that it is never mistaken for a failure of the policy.
 */
import { nextBelief } from '../milestones/belief.ts'
import type { MilestoneChecker } from '../milestones/checker.ts'
import type { Task } from '../tasks/task.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { Action } from '../web/action.ts'
import { DeadlineError } from '../web/errors.ts'
import { type Grammar, parseWith } from '../web/grammar.ts'
import type { Addressing, Observation, ObservationDialect } from '../web/observation.ts'
import type { Driver, Session, Verdict } from '../web/session.ts'
import { type EpisodeLimits, earlyStopAnswer, endOf } from './ends.ts'
import { type Decide, decider, isTextPolicy } from './decide.ts'
import type { Episode, EpisodeEnd, Judgement } from './episode.ts'
import type { EpisodeGuide, Guidance, Guide } from './guide.ts'
import type { Policy } from './policy.ts'
import type { PromptLimits, PromptStyle } from './prompt.ts'
import { stepSeed } from './seed.ts'
import type { Step } from './step.ts'
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

interface Played {
  steps: Step[]
  end: EpisodeEnd
  answer: string | undefined
  /** What an environment said that judges itself. */
  verdict: Verdict | undefined
  /** Of the step that ended the episode, where every step is judged. */
  judgement?: Judgement
}

async function runSteps(setup: AgentSetup, request: PlayRequest, session: Session): Promise<Played> {
  const guide = setup.guide?.begin()
  const played = await playSteps(setup, request, session, guide)
  if (guide && setup.guide?.rateEnd) {
    const { task, signal } = request
    const { steps, answer } = played
    const observation = await session.observe()
    const guidance = await guide.next({
      ...{ task, session, observation, steps },
      ...(answer === undefined ? {} : { answer }),
      ...(signal ? { signal } : {}),
    })
    request.watch?.({ type: 'plan', guidance })
  }
  return played
}

async function playSteps(
  setup: AgentSetup,
  request: PlayRequest,
  session: Session,
  guide: EpisodeGuide | undefined,
): Promise<Played> {
  const { task } = request
  const grammar = setup.grammar ?? 'mira'
  const decide = decider({ ...setup, grammar }, request.session)
  const milestones = task.embedded?.milestones ?? []
  const steps: Step[] = []
  const actions: string[] = []
  let belief: Uint8Array | undefined
  while (steps.length < setup.limits.horizon) {
    const begun = await beginStep(request, session, { steps, decide, guide })
    const action = parseWith(grammar, begun.decision.actionText)
    const answer = action.kind === 'exit' ? action.message : undefined
    const error = await carryOut(action, session)
    actions.push(begun.decision.actionText)
    const reached = await setup.checker.check({
      task,
      milestones,
      actions,
      observe: () => session.observe(),
      session,
      ...(answer === undefined ? {} : { answer }),
      ...(belief ? { before: belief } : {}),
      ...(request.signal ? { signal: request.signal } : {}),
    })
    belief = nextBelief(belief, reached)
    const step: Step = {
      ...begun.decision,
      action,
      ...seen(begun.observation),
      ...(error === undefined ? {} : { error }),
      reached,
      ...(begun.guidance ? { plan: begun.guidance.plan } : {}),
    }
    steps.push(step)
    request.watch?.({ type: 'step', step })
    const verdict = await session.verdict?.()
    if (verdict) return { steps, end: 'environment', answer, verdict }
    if (answer !== undefined) return { steps, end: 'exit', answer, verdict }
    if (setup.judgeEveryStep) {
      const judgement = await setup.judge(task, session, '', steps)
      if (judgement.score >= 1) return { steps, end: 'environment', answer, verdict, judgement }
    }
    const end = endOf(steps, setup.limits)
    if (end) return { steps, end, answer, verdict }
  }
  return { steps, end: 'horizon', answer: undefined, verdict: undefined }
}

/** Everything of a step that comes before its action is carried out. */
async function beginStep(
  request: PlayRequest,
  session: Session,
  { steps, decide, guide }: { steps: readonly Step[]; decide: Decide; guide: EpisodeGuide | undefined },
) {
  const { task, temperature, signal } = request
  signal?.throwIfAborted()
  const observation = await session.observe()
  const listening = signal ? { signal } : {}
  const guidance = await guide?.next({ task, session, observation, steps, ...listening })
  if (guidance) request.watch?.({ type: 'plan', guidance })
  const decision = await decide({
    task,
    observation,
    steps,
    ...(guidance ? { guidance } : {}),
    seed: stepSeed(request.seed, steps.length),
    temperature: Math.max(temperature, guidance?.temperature ?? 0),
    ...listening,
  })
  return { observation, guidance, decision }
}

/** Why it could not be done, if it could not. */
async function carryOut(action: Action, session: Session): Promise<string | undefined> {
  if (action.kind === 'exit') return undefined
  if (action.kind === 'invalid') return action.reason
  const outcome = await session.act(action)
  return outcome.ok ? undefined : outcome.error
}

function seen({ url, text, screenshot }: Observation): Pick<Step, 'url' | 'pageText' | 'screenshot'> {
  return { url, pageText: text, ...(screenshot ? { screenshot } : {}) }
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
