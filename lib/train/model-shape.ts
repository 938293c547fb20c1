/** The configured architecture as a Gemma3 shape for a tokenizer, and whether a model and a tokenizer fit. */
import { fileURLToPath } from 'node:url'
import type { Config } from '../config/schema.ts'
import type { GemmaConfig } from '../native/types.ts'
import { TokenizerError } from '../tokenizer/errors.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

/** The tokenizer of the embedded suite, kept in the package. */
export const EMBEDDED_TOKENIZER = fileURLToPath(new URL('../tokenizer/embedded', import.meta.url))

/** Rows of the embedding are rounded up to this, which keeps its GEMM aligned. */
const VOCABULARY_MULTIPLE = 64

export function gemmaShape(config: Config, tokenizer: Tokenizer): GemmaConfig {
  const { architecture } = config.model
  return {
    vocab: Math.ceil(tokenizer.size / VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE,
    hidden: architecture.hidden,
    layers: architecture.layers,
    heads: architecture.heads,
    kvHeads: architecture.kvHeads,
    headDim: architecture.headDim,
    intermediate: architecture.intermediate,
    slidingWindow: architecture.slidingWindow,
    maxPositions: architecture.maxPositions,
    rmsEps: architecture.rmsEps,
    queryPreAttnScalar: architecture.queryPreAttnScalar ?? architecture.headDim,
    ropeThetaGlobal: architecture.ropeThetaGlobal,
    ropeThetaLocal: architecture.ropeThetaLocal,
    ropeFactorGlobal: 1,
    layerIsGlobal: architecture.layerTypes.map((type) => type === 'full_attention'),
  }
}

/** @throws TokenizerError when ids of the tokenizer have no row in the model's embedding */
export function checkTokenizer(tokenizer: Tokenizer, model: GemmaConfig): void {
  if (tokenizer.size > model.vocab) {
    throw new TokenizerError(
      'TOKENIZER_FORMAT',
      `tokenizer: expected at most ${model.vocab} tokens, the rows of the model's embedding, got ${tokenizer.size} ` +
        `from ${tokenizer.directory}; use the tokenizer the model was trained with`,
    )
  }
}
