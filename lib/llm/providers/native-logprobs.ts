/**
 * Log-probabilities of a native reply and of the likeliest alternatives at each token, at temperature 1 as the APIs
 * give them, by one pass over prompt and reply. Alternatives need the logits of every position in memory.
 */
import type { Role } from '../../native/role.ts'
import type { Tokenizer } from '../../tokenizer/tokenizer.ts'
import { LanguageModelError } from '../errors.ts'
import type { ModelRequest, TokenLogprob } from '../model.ts'

/** Of float32 logits, [T, V]. */
const MOST_BYTES = 2 ** 31

/** One entry per reply token; undefined when none were asked for. */
export async function nativeLogprobs(
  role: Role,
  tokenizer: Tokenizer,
  prompt: Int32Array,
  reply: Int32Array,
  { topLogprobs, signal }: Pick<ModelRequest, 'topLogprobs' | 'signal'>,
): Promise<TokenLogprob[] | undefined> {
  if (topLogprobs === undefined) return undefined
  if (reply.length === 0) return []
  const ids = Int32Array.from([...prompt, ...reply])
  const scored = Int32Array.from(reply, (_, i) => prompt.length + i)
  const batch = { ids, offsets: Int32Array.of(0, ids.length), scored }
  const options = signal ? { signal } : {}
  const token = (id: number) => tokenText(tokenizer, id)

  if (topLogprobs === 0) {
    const { logprobs } = await role.logprobs(batch, options)
    try {
      return Array.from(reply, (id, i) => ({
        token: token(id),
        logprob: logprobs.data[i] as number,
        top: [],
      }))
    } finally {
      logprobs.dispose()
    }
  }

  const { vocab } = role.config
  if (ids.length * vocab * 4 > MOST_BYTES) {
    throw new LanguageModelError(
      'LLM_BAD_REQUEST',
      `topLogprobs: expected at most ${Math.floor(MOST_BYTES / 4 / vocab)} tokens of prompt and reply where ` +
        `alternatives are asked for, got ${ids.length}; shorten the prompt or set topLogprobs to 0`,
    )
  }
  const logits = await role.logits(batch, options)
  try {
    return Array.from(reply, (id, i) => {
      // The logits at a position are those of the token after it.
      const start = (prompt.length + i - 1) * vocab
      const row = logits.data.subarray(start, start + vocab)
      const normaliser = logSumExp(row)
      const top = largest(row, topLogprobs).map((other) => ({
        token: token(other),
        logprob: (row[other] as number) - normaliser,
      }))
      return { token: token(id), logprob: (row[id] as number) - normaliser, top }
    })
  } finally {
    logits.dispose()
  }
}

/** Bytes that are no text of their own become U+FFFD; a control token its name. */
function tokenText(tokenizer: Tokenizer, id: number): string {
  const { bytes, offsets } = tokenizer.bytes
  const text = new TextDecoder().decode(bytes.subarray(offsets[id], offsets[id + 1]))
  return text === '' ? tokenizer.piece(id) : text
}

function logSumExp(row: Float32Array): number {
  let top = Number.NEGATIVE_INFINITY
  for (const x of row) if (x > top) top = x
  let sum = 0
  for (const x of row) sum += Math.exp(x - top)
  return top + Math.log(sum)
}

/** Indices of the k largest, largest first. */
function largest(row: Float32Array, k: number): number[] {
  const best: number[] = []
  for (let i = 0; i < row.length; i++) {
    if (best.length === k && (row[i] as number) <= (row[best[k - 1] as number] as number)) continue
    const at = best.findIndex((j) => (row[j] as number) < (row[i] as number))
    best.splice(at < 0 ? best.length : at, 0, i)
    if (best.length > k) best.pop()
  }
  return best
}
