/**
 * The steps of one episode in an open session: observe, be guided, decide, act, check milestones. What the policy says
 * can never throw; what the environment does wrong rejects.
 */
import { nextBelief } from '../milestones/belief.ts'
import type { Action } from '../web/action.ts'
import { parseWith } from '../web/grammar.ts'
import type { Observation } from '../web/observation.ts'
import type { Session, Verdict } from '../web/session.ts'
import { type Decide, decider } from './decide.ts'
import { endOf } from './ends.ts'
import type { EpisodeEnd, Judgement } from './episode.ts'
import type { EpisodeGuide } from './guide.ts'
import type { AgentSetup, PlayRequest } from './play.ts'
import { stepSeed } from './seed.ts'
import type { Step } from './step.ts'

/** What became of the steps. */
export interface Played {
  steps: Step[]
  end: EpisodeEnd
  answer: string | undefined
  /** What an environment said that judges itself. */
  verdict: Verdict | undefined
  /** Of the step that ended the episode, where every step is judged. */
  judgement?: Judgement
}

/** Until the agent exits, the environment ends the episode, or a limit does; then one more look, if a guide wants it. */
export async function runSteps(setup: AgentSetup, request: PlayRequest, session: Session): Promise<Played> {
  const guide = setup.guide?.begin()
  const played = await playSteps(setup, request, session, guide)
  // The episode is over: a page that can no longer be seen, or a planner that is gone, takes nothing from it.
  if (guide && setup.guide?.rateEnd) await lookOnce(request, session, guide, played).catch(() => {})
  return played
}

async function lookOnce(
  { task, signal, watch }: PlayRequest,
  session: Session,
  guide: EpisodeGuide,
  { steps, answer }: Played,
): Promise<void> {
  const guidance = await guide.next({
    ...{ task, session, steps },
    observation: await session.observe(),
    ...(answer === undefined ? {} : { answer }),
    ...(signal ? { signal } : {}),
  })
  watch?.({ type: 'plan', guidance })
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
