/** Phase 0: supervised learning on demonstrations that slip where an annotator would. */
import { z } from 'zod'
import { adamW, count, nonNegative, positive, share } from './numbers.ts'

export const imitation = z
  .strictObject({
    /** auto: when the model starts from random weights, or `data` is given; true: on a checkpoint's weights too. */
    enabled: z.union([z.literal('auto'), z.boolean()]).default('auto'),
    /** Demonstrations in one of WebRL's forms (docs/webrl-data.md), in place of recorded ones. */
    data: z.string().min(1).nullable().default(null),
    /** Demonstrated episodes, dealt evenly over templates. */
    demonstrations: count.default(4000),
    /**
     * Share of the demonstrated tasks whose prompts say the milestone reached next, so that a planner can guide the
     * policy (docs/sgo.md); 0: the prompts of a plain agent.
     */
    subgoalShare: share.default(0),
    epochs: count.default(1),
    /** Sequences (steps of demonstrations) per update. */
    batchSize: count.default(16),
    /** Tokens per forward pass; longer batches accumulate gradients. */
    maxTokens: count.default(8192),
    /** AdamW step at the end of warm-up. */
    learningRate: positive.default(3e-3),
    schedule: z.enum(['constant', 'cosine', 'linear']).default('cosine'),
    /** Share of updates spent warming up. */
    warmup: share.default(0.05),
    /** Share of the learning rate left at the last update. */
    finalShare: share.default(0.03),
    /** Weight of prompt tokens' language-modelling loss beside the action loss; lowers the action loss by a tenth. */
    promptLossWeight: nonNegative.default(0.2),
    /** Global gradient norm; 0 = no clipping. */
    clipNorm: nonNegative.default(1),
    adamW: adamW({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.01 }),
    /** Share of templates whose demonstrations slip at `frequentRate`; the others slip at `rareRate`. */
    frequentShare: share.default(0.6),
    /** Share of such a template's demonstrations that slip: above a half, greedy imitation fails it. */
    frequentRate: share.default(0.8),
    rareRate: share.default(0.3),
  })
  .prefault({})
