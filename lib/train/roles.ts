/**
 * The roles of a run as its configuration asks for them: the actor on all weights or as adapters, the critics on a
 * copy of the trunk or as adapters, each with the optimizer that its parameters get.
 */
import type { Config } from '../config/schema.ts'
import { CRITIC_HEADS } from '../learn/critic-targets.ts'
import type { Gemma, Role } from '../native/model.ts'
import type { AdamWSpec, RoleSpec } from '../native/types.ts'
import { criticKind } from '../plan/settings.ts'
import { AdapterCritics, type Critics, SharedCritics } from './critics.ts'

/** Distinguishes the random beginnings of adapters that share the run's seed. */
const SEED_OFFSET = { actor: 0, value: 1, potential: 2 }

export function makeActor(model: Gemma, config: Config): Promise<Role> {
  return model.role(
    config.training.mode === 'full'
      ? { name: 'actor', kind: 'full', copy: false }
      : { name: 'actor', kind: 'lora', lora: adapters(config, 'actor') },
  )
}

/**
 * @param trunk Whose weights critics of kind full train, on a copy or (`own`) as they are; adapters go on them
 */
export async function makeCritics(trunk: Gemma, config: Config, options: { own: boolean }): Promise<Critics> {
  const { hidden } = trunk.config
  if (criticKind(config) === 'full') {
    const heads = CRITIC_HEADS.map((name, i) => ({ name, width: hidden, seed: config.run.seed + i }))
    return new SharedCritics(await trunk.role({ name: 'critic', kind: 'full', copy: !options.own, heads }))
  }
  const [value, potential] = await Promise.all(
    CRITIC_HEADS.map((name, i) =>
      trunk.role({
        name,
        kind: 'lora',
        lora: adapters(config, name),
        heads: [{ name, width: hidden, seed: config.run.seed + i }],
      }),
    ),
  )
  return new AdapterCritics(value as Role, potential as Role)
}

function adapters(config: Config, role: keyof typeof SEED_OFFSET): NonNullable<RoleSpec['lora']> {
  const { rank, alpha, targets } = config.training.lora
  return { rank, alpha, targets, seed: config.run.seed + SEED_OFFSET[role] }
}

/** Storage of gradients and moments is the run's; rates of decay are the stage's. */
export function optimizerSpec(config: Config, adamW: AdamWSpec): AdamWSpec {
  const { optimizerState: state, gradients } = config.training
  return { ...adamW, state, gradients, seed: BigInt(config.run.seed) }
}

/** The learning rate of a role of this kind, from the rate stated for full weights. */
export function rateOf(config: Config, kind: 'full' | 'lora', learningRate: number): number {
  return kind === 'lora' ? learningRate * config.training.lora.learningRateScale : learningRate
}
