/**
 * Shapes of the five published Gemma3 text models, for planning before the weights are on disk. A checkpoint's own
 * config.json always wins; nothing is loaded or computed from this table.
 */
import type { PUBLISHED_MODELS } from '../config/sections/model.ts'
import type { GemmaConfig } from '../native/types.ts'

export type PublishedModel = (typeof PUBLISHED_MODELS)[number]

interface Row {
  hidden: number
  layers: number
  heads: number
  kvHeads: number
  headDim: number
  intermediate: number
  slidingWindow: number
  queryPreAttnScalar: number
  vocab: number
  maxPositions: number
  ropeFactorGlobal: number
}

/** What all five share. */
const small = { vocab: 262144, maxPositions: 32768, ropeFactorGlobal: 1, queryPreAttnScalar: 256 }
const large = { vocab: 262208, maxPositions: 131072, ropeFactorGlobal: 8, slidingWindow: 1024 }

// biome-ignore format: a table
const ROWS: Record<PublishedModel, Row> = {
  '270m': { ...small, hidden: 640, layers: 18, heads: 4, kvHeads: 1, headDim: 256, intermediate: 2048, slidingWindow: 512 },
  '1b': { ...small, hidden: 1152, layers: 26, heads: 4, kvHeads: 1, headDim: 256, intermediate: 6912, slidingWindow: 512 },
  '4b': { ...large, hidden: 2560, layers: 34, heads: 8, kvHeads: 4, headDim: 256, intermediate: 10240, queryPreAttnScalar: 256 },
  '12b': { ...large, hidden: 3840, layers: 48, heads: 16, kvHeads: 8, headDim: 256, intermediate: 15360, queryPreAttnScalar: 256 },
  '27b': { ...large, hidden: 5376, layers: 62, heads: 32, kvHeads: 16, headDim: 128, intermediate: 21504, queryPreAttnScalar: 168 },
}

/** Every sixth layer attends to everything. */
const GLOBAL_EVERY = 6

export function publishedShape(name: PublishedModel): GemmaConfig {
  const row = ROWS[name]
  return {
    ...row,
    rmsEps: 1e-6,
    ropeThetaGlobal: 1e6,
    ropeThetaLocal: 1e4,
    layerIsGlobal: Array.from({ length: row.layers }, (_, i) => (i + 1) % GLOBAL_EVERY === 0),
  }
}
