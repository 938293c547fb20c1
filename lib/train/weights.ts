/**
 * The weights a run stands on: the configured checkpoint, a phase of the run, or random ones, which a run of adapters
 * keeps under base/ because its checkpoints hold only what lies on them.
 */
import { dirname, join } from 'node:path'
import type { Config } from '../config/schema.ts'
import { type Device, Gemma } from '../native/model.ts'
import type { RunDirectory } from '../run/directory.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { gemmaShape } from './model-shape.ts'

/** The folder to read a run's model from; undefined = made at random. */
export function weightsFolder(config: Config, checkpoint: string | undefined): string | undefined {
  if (checkpoint === undefined) return config.model.path ?? undefined
  if (config.training.mode === 'full') return checkpoint
  return config.model.path ?? baseFolder(dirname(dirname(checkpoint)))
}

/** A model of the configured dtype. */
export function loadModel(
  config: Config,
  folder: string,
  device: Device,
  signal?: AbortSignal,
): Promise<Gemma> {
  return Gemma.load(folder, { dtype: config.model.dtype, device, ...(signal ? { signal } : {}) })
}

/** Random weights; those that stay frozen under a run's adapters are kept with the run and read from there. */
export async function randomModel(
  config: Config,
  tokenizer: Tokenizer,
  device: Device,
  { run, signal }: { run?: RunDirectory; signal?: AbortSignal },
): Promise<Gemma> {
  const { initStd, postNormGain } = config.model.architecture
  const model = await Gemma.random(gemmaShape(config, tokenizer), {
    dtype: config.model.dtype,
    device,
    seed: BigInt(config.run.seed),
    initStd,
    postNormGain,
    ...(signal ? { signal } : {}),
  })
  if (config.training.mode === 'full' || !run) return model
  try {
    await model.save(baseFolder(run.path), { tokenizerFrom: tokenizer.directory })
  } finally {
    model.dispose()
  }
  return loadModel(config, baseFolder(run.path), device, signal)
}

function baseFolder(run: string): string {
  return join(run, 'base')
}
