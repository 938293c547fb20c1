/**
 * Demonstrations from a file as imitation pairs, whatever form they are in. Where the form has scores only
 * successes are imitated; where it has none, everything is.
 */
import { WebRLError } from './errors.ts'
import { formatOf } from './info.ts'
import { type ImitationPair, pairOfRow, pairsOfTrace } from './pairs.ts'
import { readRows } from './policy-rows.ts'
import { readConversationPairs } from './sft.ts'
import { readFixedTrace, readResults, readTrace, type ScoredTrace } from './trace.ts'

/** @throws WebRLError for outcome items, which hold no actions to imitate, and for wrong files */
export async function* readPairs(path: string): AsyncGenerator<ImitationPair> {
  const format = await formatOf(path)
  switch (format) {
    case 'results':
      for await (const trace of readResults(path)) yield* ofSuccess(trace.steps)
      return
    case 'fixed-trace':
      yield* ofSuccess(await readFixedTrace(path))
      return
    case 'trace':
      yield* pairsOfTrace(await readTrace(path))
      return
    case 'rows': {
      let number = 0
      for await (const row of readRows(path)) {
        number++
        if (row.trajectory_reward === 1 && row.action !== '') yield pairOfRow(row, `${path} row ${number}`)
      }
      return
    }
    case 'sft':
      yield* readConversationPairs(path)
      return
    default:
      throw new WebRLError(
        'ERR_WEBRL_FORMAT',
        `${path}: expected demonstrations (traces, policy rows or conversations), received ${format} items, ` +
          'which hold no actions to imitate',
      )
  }
}

function ofSuccess(steps: ScoredTrace['steps']): ImitationPair[] {
  return (steps.at(-1)?.score ?? 0) >= 0.5 ? pairsOfTrace(steps) : []
}
