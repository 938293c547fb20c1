/**
 * Chat messages as the ids of Gemma 3's turns. Turn tokens enter by number, texts are encoded as text, so no message
 * can close its own turn. Follows the chat template that ships with google/gemma-3-*-it.
 */
import { LanguageModelError } from '../errors.ts'
import { schemaInstruction } from '../json-schema.ts'
import type { ChatMessage, ModelRequest } from '../model.ts'
import type { Tokenizer } from '../../tokenizer/tokenizer.ts'

/** Ids up to where the model's reply begins. @throws LanguageModelError LLM_BAD_REQUEST for images */
export function gemmaTurns(
  tokenizer: Pick<Tokenizer, 'encode' | 'special'>,
  request: ModelRequest,
): Int32Array {
  const { bos, startOfTurn, endOfTurn } = tokenizer.special
  // Gemma has no system turn: its text opens the first user turn. A schema is asked for last, where it is obeyed best.
  const opening = request.system === undefined ? '' : `${request.system}\n\n`
  const closing = request.schema ? `\n\n${schemaInstruction(request.schema)}` : ''
  const ids: number[] = [bos]
  request.messages.forEach((message, i) => {
    const text = `${i === 0 ? opening : ''}${textOf(message, i).trim()}`
    const whole = i === request.messages.length - 1 ? text + closing : text
    ids.push(startOfTurn, ...tokenizer.encode(`${message.role === 'user' ? 'user' : 'model'}\n${whole}`))
    ids.push(endOfTurn, ...tokenizer.encode('\n'))
  })
  ids.push(startOfTurn, ...tokenizer.encode('model\n'))
  return Int32Array.from(ids)
}

function textOf({ content }: ChatMessage, index: number): string {
  if (typeof content === 'string') return content
  return content
    .map((part, j) => {
      if (part.type === 'text') return part.text
      throw new LanguageModelError(
        'LLM_BAD_REQUEST',
        `messages[${index}].content[${j}]: expected text, got an image; the native model reads text only`,
      )
    })
    .join('')
}
