/**
 * Starting points for evaluations outside the embedded sites. `webarena` is VisualAgentBench's harness as WebRL's and
 * MiRA's numbers were made with it; `own` is for tasks of one's own, `miniwob` the small tasks of MiniWoB++; both have the robust defaults.
 */
import type { ConfigInput } from './schema.ts'

/** Prompts hold whole pages: WebRL cuts them at 16384 tokens with the answer. */
const LONG = { promptStyle: 'webrl', maxPromptTokens: 15872, maxActionTokens: 512 } as const

export const webPresets = {
  webarena: {
    model: { dtype: 'bfloat16' },
    agent: {
      ...LONG,
      horizon: 30,
      stuckRepeats: 5,
      invalidRepeats: 5,
      episodeSeconds: 3600,
      addressing: 'id',
      observation: 'vab',
      grammar: 'vab',
      manner: 'vab',
      announceFailures: false,
      concurrency: 8,
    },
    generation: { prefillChunk: 8192 },
    browser: { settle: { mode: 'fixed', ms: 3000 }, dialogs: 'dismiss', poolSize: 2, sessionsPerBrowser: 4 },
    sites: { freshLogin: true },
    evaluation: { suite: 'webarena-lite', dialect: 'vab', temperature: 0 },
  },
  /** One task of one's own in a real browser, by a prompted language model: `mira run`, `mira plan-task`. */
  own: {
    model: { dtype: 'bfloat16' },
    agent: {
      ...LONG,
      horizon: 30,
      stuckRepeats: 4,
      invalidRepeats: 4,
      episodeSeconds: 3600,
      addressing: 'id',
      observation: 'axtree',
      grammar: 'webarena',
      concurrency: 1,
    },
    browser: { poolSize: 1, sessionsPerBrowser: 1 },
  },
  miniwob: {
    model: { dtype: 'bfloat16' },
    agent: {
      promptStyle: 'webrl',
      maxPromptTokens: 4096,
      maxActionTokens: 256,
      horizon: 10,
      stuckRepeats: 5,
      invalidRepeats: 5,
      episodeSeconds: 900,
      addressing: 'id',
      concurrency: 8,
    },
    browser: { poolSize: 2, sessionsPerBrowser: 4 },
    evaluation: { suite: 'miniwob', temperature: 0, seeds: [0, 1, 2] },
  },
} as const satisfies Record<string, ConfigInput>
