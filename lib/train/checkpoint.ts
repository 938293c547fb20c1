/**
 * What a phase leaves behind: the policy as a Hugging Face folder that loads anywhere, and beside it, under
 * critic/, the critics' trunk in the same layout with their heads, so that the run can go on.
 */
import { join, relative } from 'node:path'
import { Gemma, type Role } from '../native/model.ts'
import { CRITIC_HEADS } from '../learn/critic-targets.ts'
import type { Trainer } from './trainer.ts'

const HEADS_FILE = 'heads.safetensors'

/** @returns path relative to the run directory */
export async function savePhase(trainer: Trainer, phase: number): Promise<string> {
  const { run, actor, critic, tokenizer } = trainer
  const path = await run.checkpoint(phase, async (directory) => {
    await actor.save(directory, { tokenizerFrom: tokenizer.directory })
    if (critic) {
      await critic.save(join(directory, 'critic'), { tokenizerFrom: tokenizer.directory })
      await critic.saveAdapter(join(directory, 'critic', HEADS_FILE))
    }
  })
  return relative(run.path, path)
}

/** The critics as a checkpoint holds them. */
export async function loadCritic(checkpoint: string, trainer: Trainer): Promise<Role> {
  const folder = join(checkpoint, 'critic')
  const trunk = await Gemma.load(folder, {
    dtype: trainer.config.model.dtype,
    ...(trainer.signal ? { signal: trainer.signal } : {}),
  })
  trainer.own(trunk)
  const critic = await trunk.role({
    name: 'critic',
    kind: 'full',
    copy: false,
    heads: CRITIC_HEADS.map((name) => ({ name, width: trunk.config.hidden, seed: 0 })),
  })
  await critic.loadAdapter(join(folder, HEADS_FILE))
  return critic
}
