/**
 * Conversations for supervised fine-tuning in LLaMA-Factory's sharegpt form: policy demonstrations (completion
 * prompt, action) and items for the outcome reward model (instruction, YES or NO). One JSON array or JSON Lines.
 */
import { z } from 'zod'
import { WebRLError } from './errors.ts'
import { type OrmParts, ormInstruction } from './orm-prompt.ts'
import { type ImitationPair, pairOf } from './pairs.ts'
import type { PolicyRow } from './policy-rows.ts'
import { readRecords } from './records.ts'
import type { FixedStep } from './trace.ts'

export const conversation = z.object({
  conversations: z.array(z.object({ from: z.enum(['human', 'gpt']), value: z.string() })).min(2),
  system: z.string().optional(),
})
export type Conversation = z.infer<typeof conversation>

/** A policy row as a demonstration. Template llama3_web: the texts as they are, then the end-of-turn token. */
export function conversationOfRow(row: Pick<PolicyRow, 'observation' | 'action'>): Conversation {
  return exchange(row.observation, row.action)
}

/** The outcome model's training item of a scored trace: YES above one half. */
export function ormItem(steps: readonly FixedStep[], system: string): Conversation {
  const score = steps.at(-1)?.score ?? 0
  return { ...exchange(ormInstruction(partsOfTrace(steps)), score > 0.5 ? 'YES' : 'NO'), system }
}

export function partsOfTrace(steps: readonly FixedStep[]): OrmParts {
  return {
    intent: steps[0]?.target ?? '',
    replies: steps.map((step) => step.fixed_response),
    page: steps.at(-1)?.html ?? '',
  }
}

export function readConversations(path: string): AsyncGenerator<{ value: Conversation; line: number }> {
  return readRecords(path, conversation, 'a conversation')
}

/**
 * Imitation pairs of policy conversations.
 * @throws WebRLError naming the line of a conversation that is not one prompt and one action
 */
export async function* readConversationPairs(path: string): AsyncGenerator<ImitationPair> {
  for await (const { value, line } of readConversations(path)) {
    const [prompt, action] = value.conversations
    const where = `${path} line ${line}`
    if (value.conversations.length !== 2 || prompt?.from !== 'human' || action?.from !== 'gpt') {
      throw new WebRLError(
        'ERR_WEBRL_FORMAT',
        `${where}: expected one human prompt and one gpt action, received ` +
          value.conversations.map((turn) => turn.from).join(', '),
      )
    }
    yield pairOf(prompt.value, action.value, where)
  }
}

function exchange(prompt: string, reply: string): Conversation {
  return {
    conversations: [
      { from: 'human', value: prompt },
      { from: 'gpt', value: reply },
    ],
  }
}
