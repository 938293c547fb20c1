/**
 * What a phase leaves behind, one folder per role:
 *
 *   phase-N/            the actor: a Hugging Face checkpoint, or adapters in PEFT's layout
 *   phase-N/critic/     critics on one trunk: its weights and both heads; or
 *   phase-N/value/, phase-N/potential/   adapters and head of each
 *   phase-N/optimizer/  every role's optimizer state, of the latest phase only
 *
 * Adapters need the weights under them: model.path, or base/ of the run for weights that began at random.
 */
import { rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { criticKind } from '../plan/settings.ts'
import { type Critics, criticFolder } from './critics.ts'
import { loadOptimizers, loadRole, saveOptimizers, saveRole } from './role-files.ts'
import { makeCritics } from './roles.ts'
import type { Trainer } from './trainer.ts'

const OPTIMIZER = 'optimizer'

/** @returns path relative to the run directory */
export async function savePhase(trainer: Trainer, phase: number): Promise<string> {
  const { run, actor, critics, tokenizer, config } = trainer
  const tokenizerFrom = tokenizer.directory
  const path = await run.checkpoint(phase, async (directory) => {
    // A full save replaces its folder whole, so the actor comes first.
    await saveRole(actor, directory, { kind: config.training.mode, tokenizerFrom, heads: false })
    for (const role of critics?.roles ?? []) {
      const folder = criticFolder(directory, role)
      await saveRole(role, folder, { kind: criticKind(config), tokenizerFrom, heads: true })
    }
    await saveOptimizers([actor, ...(critics?.roles ?? [])], join(directory, OPTIMIZER))
  })
  // Only the latest phase can be gone on from.
  await rm(join(run.checkpointPath(phase - 1), OPTIMIZER), { recursive: true, force: true })
  return relative(run.path, path)
}

/** The critics as a checkpoint holds them, with every role's optimizer, the actor's included. */
export async function loadCritics(checkpoint: string, trainer: Trainer): Promise<Critics> {
  const { config, model } = trainer
  const kind = criticKind(config)
  const trunk =
    kind === 'full' ? trainer.own(await trainer.load(criticFolder(checkpoint, { name: 'critic' }))) : model
  const critics = await makeCritics(trunk, config, { own: kind === 'full' })
  for (const role of critics.roles) {
    trainer.own(role)
    await loadRole(role, criticFolder(checkpoint, role), { kind, heads: true })
  }
  trainer.configureOptimizers(critics)
  await loadOptimizers([trainer.actor, ...critics.roles], join(checkpoint, OPTIMIZER))
  return critics
}
