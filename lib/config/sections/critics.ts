/** The value and potential critics, and how the potential becomes reward. */
import { z } from 'zod'
import { adamW, count, countOrNone, nonNegative, positive } from './numbers.ts'

export const critics = z
  .strictObject({
    /** Constant. The paper uses 1e-6 (value) and 2e-5 (potential) for 12B weights (Table 6). */
    learningRate: positive.default(5e-4),
    /**
     * The potential critic's own rate where the critics are adapters of their own (training.critics); null =
     * learningRate. Critics on one trunk always step at learningRate.
     */
    potentialLearningRate: positive.nullable().default(null),
    /** States per update. Paper Table 6: 128. */
    batchSize: count.default(32),
    /** Tokens per forward pass. */
    maxTokens: count.default(8192),
    /** Passes over a phase's data. Paper Table 6: 1. */
    epochs: countOrNone.default(1),
    /** Episodes of the imitation policy played before phase 1 to train both critics; 0 = none. */
    pretrainRollouts: countOrNone.default(320),
    /** Passes over them. The paper pre-trains the potential critic for 3 (Table 6). */
    pretrainEpochs: countOrNone.default(2),
    /** Weight of the value critic's cross-entropy (Eq. 4). */
    valueWeight: nonNegative.default(1),
    /** Weight of the potential critic's squared error (Eq. 3). */
    potentialWeight: nonNegative.default(2),
    /**
     * after: advantages come from critics that have not seen the phase's data; before: fit first (Alg. 1), which
     * at this scale memorises outcomes and flattens the advantages.
     */
    update: z.enum(['after', 'before']).default('after'),
    clipNorm: nonNegative.default(1),
    adamW: adamW({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 }),
  })
  .prefault({})

export const shaping = z
  .strictObject({
    /** Weight of the auxiliary reward (Table 7: 0.3 of a grid over 0 to 0.8); 0 = no shaping. */
    alpha: nonNegative.default(0.3),
    /** Discount inside the potential difference: 1 as in the paper, policy.gamma for strict Eq. 1. */
    shapingGamma: z.number().min(0).max(1).default(1),
    /** Leave failed episodes their sparse reward; the paper shapes all. */
    positiveOnly: z.boolean().default(false),
    /** Move the last milestone to the end of a success (section 5.3, A.7). */
    gapAnchoring: z.boolean().default(true),
    /** A success with unseen milestones: interpolate to its end, or give it no labels. */
    missing: z.enum(['anchor', 'skip']).default('anchor'),
  })
  .prefault({})
