/**
 * The two critics of a run in either form: both heads on one trained copy of the trunk, or a value and a potential
 * critic that are adapters and a head each on the model's own weights, trained one after the other. Scores, trains,
 * saves and restores them; knows no stages.
 */
import { join } from 'node:path'
import {
  CRITIC_HEADS,
  CRITIC_LOSSES,
  criticTargets,
  gatherRows,
  headProbabilities,
} from '../learn/critic-targets.ts'
import type { Sequence } from '../learn/packing.ts'
import type { Role } from '../native/model.ts'
import { type CriticData, type CriticTrainingOptions, trainCritic } from './critic-training.ts'
import type { Experience } from './experience.ts'
import { type CriticScores, type ScoringOptions, stateScores } from './scoring.ts'
import type { StepFigures } from './step-figures.ts'

export interface CriticsTraining extends Omit<CriticTrainingOptions, 'schedule'> {
  /** Constant rates; a shared trunk steps at the value critic's. */
  learningRates: { value: number; potential: number }
  headWeights: { value: number; potential: number }
}

export type OnCriticStep = (figures: StepFigures, losses: { value?: number; potential?: number }) => void

export interface Critics {
  /** V(s) and P(s) at the last prompt token of every state. */
  scores(states: readonly Sequence[], options: ScoringOptions): Promise<CriticScores>
  train(experience: Experience, options: CriticsTraining, onStep: OnCriticStep): Promise<void>
  /** Every role, by the name of the folder that it is kept in. */
  readonly roles: readonly Role[]
}

const constant = (peak: number) => ({ kind: 'constant' as const, peak, warmup: 0, final: 1 })

/** One trunk, two heads: one pass serves both losses. */
export class SharedCritics implements Critics {
  readonly #role: Role

  constructor(role: Role) {
    this.#role = role
  }

  get roles(): readonly Role[] {
    return [this.#role]
  }

  async scores(states: readonly Sequence[], options: ScoringOptions): Promise<CriticScores> {
    const raw = await stateScores(this.#role, states, CRITIC_HEADS.length, options)
    return { values: headProbabilities(raw, 'value'), potentials: headProbabilities(raw, 'potential') }
  }

  async train(experience: Experience, options: CriticsTraining, onStep: OnCriticStep): Promise<void> {
    if (experience.transitions.length === 0) return
    const data: CriticData = {
      transitions: experience.transitions,
      ...criticTargets(experience, options.headWeights),
      losses: CRITIC_LOSSES,
    }
    const schedule = constant(options.learningRates.value)
    await trainCritic(this.#role, data, { ...options, schedule }, (figures, [value, potential]) =>
      onStep(figures, { value: value as number, potential: potential as number }),
    )
  }
}

/** Two roles on the model's weights; each sees only the states that its own loss weighs. */
export class AdapterCritics implements Critics {
  readonly #value: Role
  readonly #potential: Role

  constructor(value: Role, potential: Role) {
    this.#value = value
    this.#potential = potential
  }

  get roles(): readonly Role[] {
    return [this.#value, this.#potential]
  }

  async scores(states: readonly Sequence[], options: ScoringOptions): Promise<CriticScores> {
    const values = sigmoid(await stateScores(this.#value, states, 1, options))
    const potentials = sigmoid(await stateScores(this.#potential, states, 1, options))
    return { values, potentials }
  }

  async train(experience: Experience, options: CriticsTraining, onStep: OnCriticStep): Promise<void> {
    if (experience.transitions.length === 0) return
    const { targets, weights } = criticTargets(experience, options.headWeights)
    for (const [head, name] of CRITIC_HEADS.entries()) {
      const rows = weightedRows(weights, head)
      const data: CriticData = {
        transitions: Array.from(rows, (row) => experience.transitions[row] as Sequence),
        targets: gatherRows(column(targets, head), 1, rows),
        weights: gatherRows(column(weights, head), 1, rows),
        losses: [CRITIC_LOSSES[head] as 'bce' | 'mse'],
      }
      const schedule = constant(options.learningRates[name])
      const role = name === 'value' ? this.#value : this.#potential
      await trainCritic(role, data, { ...options, schedule }, (figures, [loss]) =>
        onStep(figures, { [name]: loss as number }),
      )
    }
  }
}

/** Where a role's files lie in a phase's checkpoint. */
export function criticFolder(checkpoint: string, role: Pick<Role, 'name'>): string {
  return join(checkpoint, role.name)
}

function column(rows_NM: Float32Array, head: number): Float32Array {
  const heads = CRITIC_HEADS.length
  return Float32Array.from({ length: rows_NM.length / heads }, (_, i) => rows_NM[i * heads + head] as number)
}

function weightedRows(weights_NM: Float32Array, head: number): Int32Array {
  const own = column(weights_NM, head)
  const rows: number[] = []
  own.forEach((weight, row) => {
    if (weight !== 0) rows.push(row)
  })
  return Int32Array.from(rows)
}

function sigmoid(scores: Float32Array): Float32Array {
  return scores.map((score) => 1 / (1 + Math.exp(-score)))
}
