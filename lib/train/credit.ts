/**
 * Who gets credit: from the critics' scores of a phase's states to shaped rewards, returns and advantages
 * (paper Alg. 1 phase B and Eq. 10-11). Pure; one call per phase.
 */
import {
  type AdvantageOptions,
  type AdvantageStatistics,
  advantageStatistics,
  scaleToUnitStd,
  shapedAdvantages,
} from '../learn/advantage.ts'
import { discountedReturns } from '../learn/returns.ts'
import { type ShapingOptions, shapedRewards } from '../learn/shaping.ts'
import type { StepLearning } from '../learn/trace.ts'
import type { Experience } from './experience.ts'
import type { CriticScores } from './scoring.ts'

export interface Credit {
  /** r'_t, [N]. */
  rewards: Float32Array
  /** r'_t minus the sparse reward, [N]. */
  auxiliary: Float32Array
  /** A_t as the policy loss sees it, [N]. */
  advantages: Float32Array
  /** Before any scaling. */
  statistics: AdvantageStatistics
}

export function assignCredit(
  experience: Pick<Experience, 'offsets' | 'outcomes'>,
  scores: CriticScores,
  options: { shaping: ShapingOptions; advantage: AdvantageOptions & { unitStd: boolean } },
): Credit {
  const { offsets, outcomes } = experience
  const { values, potentials } = scores
  const rewards = shapedRewards({ potentials, offsets, outcomes }, options.shaping) as Float32Array
  const auxiliary = rewards.slice()
  for (let e = 0; e + 1 < offsets.length; e++) {
    const last = (offsets[e + 1] as number) - 1
    if (last >= (offsets[e] as number))
      auxiliary[last] = (auxiliary[last] as number) - (outcomes[e] as number)
  }
  const returns = discountedReturns(rewards, offsets, options.advantage.gamma)
  const advantages = shapedAdvantages(
    { rewards, returns, values, offsets },
    options.advantage,
  ) as Float32Array
  const statistics = advantageStatistics(advantages)
  if (options.advantage.unitStd) scaleToUnitStd(advantages)
  return { rewards, auxiliary, advantages, statistics }
}

/** The figures of every step for the journal and the report, [E][T]. */
export function learningTraces(
  offsets: Int32Array,
  scores: CriticScores,
  credit: Credit,
  logRatios: Float32Array,
): StepLearning[][] {
  const at = (array: Float32Array, i: number) => array[i] as number
  return Array.from({ length: offsets.length - 1 }, (_, e) => {
    const begin = offsets[e] as number
    return Array.from({ length: (offsets[e + 1] as number) - begin }, (_, t) => {
      const i = begin + t
      const ratio = at(logRatios, i)
      return {
        value: at(scores.values, i),
        potential: at(scores.potentials, i),
        auxiliary: at(credit.auxiliary, i),
        reward: at(credit.rewards, i),
        advantage: at(credit.advantages, i),
        ...(Number.isNaN(ratio) ? {} : { logRatio: ratio }),
      }
    })
  })
}
