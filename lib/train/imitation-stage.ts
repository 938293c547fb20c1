/** Phase 0: demonstrations with systematic slips are recorded, or others are read from a file, and imitated. */
import { demonstrate, slipRates } from '../sites/demonstrations.ts'
import { embeddedBackend } from '../sites/backend.ts'
import { embeddedWeb } from '../sites/embedded.ts'
import { inProcessDriver } from '../web/in-process.ts'
import { WebRLError } from '../webrl/errors.ts'
import { readPairs } from '../webrl/imitation.ts'
import { encodePairs } from '../webrl/pairs.ts'
import { imitate } from './imitation.ts'
import { optimizerSpec, rateOf } from './roles.ts'
import { type Sample, samplesOf } from './samples.ts'
import type { Trainer } from './trainer.ts'

export async function imitationStage(trainer: Trainer): Promise<void> {
  const { imitation, training } = trainer.config
  const samples =
    imitation.data === null
      ? await recordDemonstrations(trainer)
      : await readDemonstrations(trainer, imitation.data)
  await trainer.stage('imitation', 0, { unit: 'steps' }, async () => {
    trainer.generation.close()
    trainer.actor.configureOptimizer(optimizerSpec(trainer.config, imitation.adamW))
    await imitate(
      trainer.actor,
      samples,
      {
        epochs: imitation.epochs,
        batchSize: imitation.batchSize,
        maxTokens: imitation.maxTokens,
        schedule: {
          kind: imitation.schedule,
          peak: rateOf(trainer.config, training.mode, imitation.learningRate),
          warmup: imitation.warmup,
          final: imitation.finalShare,
        },
        clipNorm: imitation.clipNorm,
        promptWeight: imitation.promptLossWeight,
        checkpoint: training.checkpointing,
        chunk: training.logitsChunk,
        seed: trainer.config.run.seed,
        memory: trainer.memory,
        ...(trainer.signal ? { signal: trainer.signal } : {}),
      },
      (figures) => trainer.step('imitation', 0, figures),
    )
    return { result: undefined }
  })
}

function readDemonstrations(trainer: Trainer, path: string): Promise<Sample[]> {
  const { tokenizer, agent, signal } = trainer
  return trainer.stage('demonstrations', 0, { unit: 'steps' }, async () => {
    const samples: Sample[] = []
    for await (const sample of encodePairs(readPairs(path), tokenizer, agent.prompt)) {
      signal?.throwIfAborted()
      samples.push(sample)
    }
    if (samples.length === 0) {
      throw new WebRLError(
        'ERR_WEBRL_FORMAT',
        `imitation.data: expected at least one successful demonstration in ${path}, found none; name another file`,
      )
    }
    return { result: samples, metrics: { samples: samples.length } }
  })
}

function recordDemonstrations(trainer: Trainer): Promise<Sample[]> {
  const { imitation, agent, run } = trainer.config
  const total = imitation.demonstrations
  return trainer.stage('demonstrations', 0, { total, unit: 'episodes' }, async () => {
    const samples: Sample[] = []
    let done = 0
    let successes = 0
    const recorded = demonstrate({
      driver: inProcessDriver(embeddedBackend(embeddedWeb)),
      tasks: trainer.suites.demonstrations(total),
      addressing: agent.addressing,
      rates: slipRates(trainer.suites.templates, {
        share: imitation.frequentShare,
        majority: imitation.frequentRate,
        minority: imitation.rareRate,
      }),
      seed: run.seed,
      ...(trainer.signal ? { signal: trainer.signal } : {}),
    })
    for await (const demonstration of recorded) {
      samples.push(
        ...samplesOf(demonstration, trainer.tokenizer, trainer.agent.prompt, imitation.subgoalShare),
      )
      if (demonstration.success) successes++
      trainer.emit({ type: 'progress', stage: 'demonstrations', phase: 0, done: ++done, total, successes })
      // Recording is synchronous underneath; timers and signals get their turn.
      if (done % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    return { result: samples, metrics: { samples: samples.length, success: successes / Math.max(done, 1) } }
  })
}
