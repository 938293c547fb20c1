/**
 * The whole configuration of a run: one section per room, strict, every constant with its default here and
 * nowhere else. A resolved Config is plain data.
 */
import { z } from 'zod'
import { browser } from './sections/browser.ts'
import { critics, shaping } from './sections/critics.ts'
import { generation } from './sections/generation.ts'
import { imitation } from './sections/imitation.ts'
import { llm } from './sections/llm.ts'
import { milestones } from './sections/milestones.ts'
import { model, tokenizer } from './sections/model.ts'
import { curriculum, phases, replay } from './sections/phases.ts'
import { policy } from './sections/policy.ts'
import { evaluation, run } from './sections/run.ts'
import { prompted, sgo } from './sections/sgo.ts'
import { sites } from './sections/sites.ts'
import { training } from './sections/training.ts'
import { agent, suite } from './sections/world.ts'

export const configSchema = z.strictObject({
  model,
  tokenizer,
  suite,
  agent,
  generation,
  training,
  imitation,
  critics,
  shaping,
  policy,
  replay,
  curriculum,
  phases,
  evaluation,
  browser,
  sites,
  llm,
  milestones,
  prompted,
  sgo,
  run,
})

export type Config = z.infer<typeof configSchema>

/** What a file or a caller may leave out: everything. */
export type ConfigInput = z.input<typeof configSchema>
