/** Phase 0: demonstrations with systematic slips are recorded and imitated. */
import { demonstrate, slipRates } from '../sites/demonstrations.ts'
import { embeddedBackend } from '../sites/backend.ts'
import { embeddedWeb } from '../sites/embedded.ts'
import { inProcessDriver } from '../web/in-process.ts'
import { imitate } from './imitation.ts'
import { optimizerSpec, rateOf } from './roles.ts'
import { type Sample, samplesOf } from './samples.ts'
import type { Trainer } from './trainer.ts'

export async function imitationStage(trainer: Trainer): Promise<void> {
  const samples = await recordDemonstrations(trainer)
  const { imitation, training } = trainer.config
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
      samples.push(...samplesOf(demonstration, trainer.tokenizer, trainer.agent.prompt))
      if (demonstration.success) successes++
      trainer.emit({ type: 'progress', stage: 'demonstrations', phase: 0, done: ++done, total, successes })
      // Recording is synchronous underneath; timers and signals get their turn.
      if (done % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    return { result: samples, metrics: { samples: samples.length, success: successes / Math.max(done, 1) } }
  })
}
