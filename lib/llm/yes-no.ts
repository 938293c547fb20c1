/** A reply to a yes-or-no question as a probability: from its first word's log-probabilities, else from the word. */
import type { ModelReply, TokenLogprob } from './model.ts'

/**
 * P(YES) = sigmoid(log P(YES) - log P(NO)): at the reply's first word, every spelling of YES and of NO among the
 * alternatives is added up ("YES", " Yes", "yes"), and what goes to other words counts for neither. A side that is
 * not among them counts with the least likely alternative, its upper bound. Without log-probabilities the word itself
 * decides: 1 or 0. Undefined when neither word is there.
 */
export function probabilityOfYes(reply: Pick<ModelReply, 'text' | 'logprobs'>): number | undefined {
  const first = reply.logprobs?.find((token) => wordOf(token.token) !== '')
  if (first) {
    const top = alternatives(first)
    const yes = logSum(top.filter(({ token }) => wordOf(token) === 'yes'))
    const no = logSum(top.filter(({ token }) => wordOf(token) === 'no'))
    if (yes > Number.NEGATIVE_INFINITY || no > Number.NEGATIVE_INFINITY) {
      const least = Math.min(...top.map(({ logprob }) => logprob))
      return sigmoid((Number.isFinite(yes) ? yes : least) - (Number.isFinite(no) ? no : least))
    }
  }
  const word = /[a-z]+/.exec(reply.text.toLowerCase())?.[0]
  return word === 'yes' ? 1 : word === 'no' ? 0 : undefined
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

/** The token itself is one of its alternatives, whether the provider lists it or not. */
function alternatives({ token, logprob, top }: TokenLogprob): { token: string; logprob: number }[] {
  return top.some((own) => own.token === token) ? top : [{ token, logprob }, ...top]
}

/** Letters only: tokenizers put blanks, quotes and their own marks around a word. */
function wordOf(token: string): string {
  return token.toLowerCase().replace(/[^a-z]/g, '')
}

function logSum(items: readonly { logprob: number }[]): number {
  const most = Math.max(...items.map(({ logprob }) => logprob))
  if (most === Number.NEGATIVE_INFINITY) return most
  return most + Math.log(items.reduce((total, { logprob }) => total + Math.exp(logprob - most), 0))
}
