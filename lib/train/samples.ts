/**
 * From demonstrations to supervised samples: the prompts an agent would have seen and the ids it should have
 * answered with. The same composer as in episodes builds the prompts, so that imitation and reinforcement
 * learning speak one language.
 */
import type { PastStep, PromptLimits, PromptStyle } from '../agent/prompt.ts'
import { PromptComposer } from '../agent/prompt.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { Demonstration } from '../sites/demonstrations.ts'
import { hashUnit } from '../sites/rng.ts'
import { formatAction } from '../web/grammar.ts'

/** One supervised decision: answer `actionIds` (end of turn included) to `promptIds`. */
export interface Sample {
  promptIds: Int32Array
  actionIds: Int32Array
}

/**
 * @param subgoalShare share of tasks, chosen by a hash of their ids, whose prompts say which milestone the demonstrator
 * reaches next, so that a policy learns to follow a planner and to do without one
 */
export function samplesOf(
  demonstration: Demonstration,
  tokenizer: Tokenizer,
  prompt: { style: PromptStyle } & PromptLimits,
  subgoalShare = 0,
): Sample[] {
  const { task_id } = demonstration.task.task
  const subgoals = hashUnit(`subgoal/${task_id}`) < subgoalShare ? hindsightSubgoals(demonstration) : []
  const composer = new PromptComposer(tokenizer, prompt.style, prompt)
  const history: PastStep[] = []
  return demonstration.steps.map(({ observation, action }, t) => {
    const subgoal = subgoals[t]
    const promptIds = composer.compose({
      intent: demonstration.task.task.intent,
      history,
      pageText: observation.text,
      ...(subgoal === undefined ? {} : { subgoal }),
    })
    const text = tokenizer.encode(formatAction(action))
    const actionIds = new Int32Array(text.length + 1)
    actionIds.set(text)
    actionIds[text.length] = tokenizer.special.endOfTurn
    history.push({ actionIds, failed: false })
    return { promptIds, actionIds }
  })
}

/**
 * What each step worked towards, told from its end: the text of the milestone that is reached next, by this step or a
 * later one; undefined where none is any more. In hindsight a slip has the goal it really had.
 */
export function hindsightSubgoals({
  task,
  steps,
}: Pick<Demonstration, 'task' | 'steps'>): (string | undefined)[] {
  const texts = task.task.embedded?.milestones ?? []
  const none = new Uint8Array(texts.length)
  let next: string | undefined
  const subgoals: (string | undefined)[] = []
  for (let t = steps.length - 1; t >= 0; t--) {
    const before = steps[t - 1]?.reached ?? none
    const first = texts.findIndex((_, k) => steps[t]?.reached[k] === 1 && before[k] === 0)
    if (first >= 0) next = texts[first]
    subgoals[t] = next
  }
  return subgoals
}
