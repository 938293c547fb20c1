/** Named starting points. `embedded` is the schema's own defaults on the CPU; the others say where they differ. */
import { gemmaPresets } from './gemma-presets.ts'
import type { ConfigInput } from './schema.ts'
import { webPresets } from './web-presets.ts'

export const DEFAULT_PRESET = 'embedded'

export const presets = {
  /** The default run: five embedded sites, imitation and six phases in at most 20 minutes on two cores. */
  embedded: { model: { device: 'cpu' } },
  /** Every stage once with numbers too small to learn from: does it run at all? Under 90 s. */
  smoke: {
    model: {
      device: 'cpu',
      architecture: {
        hidden: 64,
        layers: 2,
        heads: 2,
        intermediate: 128,
        layerTypes: ['sliding_attention', 'full_attention'],
      },
    },
    imitation: { demonstrations: 120, epochs: 2 },
    critics: { pretrainRollouts: 12, pretrainEpochs: 1 },
    phases: { count: 1, rollouts: 24 },
    evaluation: { episodes: 24, validationEpisodes: 12, novelEpisodes: 6 },
  },
  ...gemmaPresets,
  ...webPresets,
} satisfies Record<string, ConfigInput>

export type PresetName = keyof typeof presets
export const PRESET_NAMES = Object.keys(presets) as PresetName[]

export function isPreset(name: string): name is PresetName {
  return Object.hasOwn(presets, name)
}
