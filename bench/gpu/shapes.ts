/**
 * The shapes that can be measured: the published Gemma3 text models by size, and one that a laptop computes in
 * seconds. Promises shapes only; weights are random, since speed and memory do not depend on them.
 */
import { publishedShape } from '../../lib/plan/published.ts'
import type { GemmaConfig } from '../../lib/native/types.ts'

export const SHAPES = {
  /** The head geometry of 12B (16 query, 8 key heads of 256) and windows that short rows cross. */
  tiny: {
    ...publishedShape('12b'),
    hidden: 128,
    layers: 6,
    intermediate: 256,
    vocab: 1024,
    slidingWindow: 32,
    maxPositions: 4096,
    layerIsGlobal: [false, false, false, false, false, true],
  },
  '270m': publishedShape('270m'),
  '1b': publishedShape('1b'),
  '4b': publishedShape('4b'),
  '12b': publishedShape('12b'),
  '27b': publishedShape('27b'),
} as const satisfies Record<string, GemmaConfig>

export type ShapeName = keyof typeof SHAPES

/** The shape cut to its first `layers` layers; undefined leaves it whole. */
export function cut(config: GemmaConfig, layers?: number): GemmaConfig {
  if (layers === undefined || layers === config.layers) return config
  return { ...config, layers, layerIsGlobal: config.layerIsGlobal.slice(0, layers) }
}
