/**
 * From demonstrations to supervised samples: the prompts an agent would have seen and the ids it should have
 * answered with. The same composer as in episodes builds the prompts, so that imitation and reinforcement
 * learning speak one language.
 */
import type { PastStep, PromptLimits, PromptStyle } from '../agent/prompt.ts'
import { PromptComposer } from '../agent/prompt.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { formatAction } from '../web/grammar.ts'
import type { Demonstration } from '../sites/demonstrations.ts'

/** One supervised decision: answer `actionIds` (end of turn included) to `promptIds`. */
export interface Sample {
  promptIds: Int32Array
  actionIds: Int32Array
}

export function samplesOf(
  demonstration: Demonstration,
  tokenizer: Tokenizer,
  prompt: { style: PromptStyle } & PromptLimits,
): Sample[] {
  const composer = new PromptComposer(tokenizer, prompt.style, prompt)
  const history: PastStep[] = []
  return demonstration.steps.map(({ observation, action }) => {
    const promptIds = composer.compose({
      intent: demonstration.task.task.intent,
      history,
      pageText: observation.text,
    })
    const text = tokenizer.encode(formatAction(action))
    const actionIds = new Int32Array(text.length + 1)
    actionIds.set(text)
    actionIds[text.length] = tokenizer.special.endOfTurn
    history.push({ actionIds, failed: false })
    return { promptIds, actionIds }
  })
}
