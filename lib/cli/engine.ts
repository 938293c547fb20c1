/**
 * What the commands call, loaded only when one needs it: printing a configuration must not load LibTorch. Tests
 * put their own engine in its place.
 */
import type { Config } from '../config/schema.ts'
import type { RunDirectory } from '../run/directory.ts'
import type { Evaluation, TrainEvent, TrainResult } from '../run/events.ts'
import type { Split } from '../tasks/task.ts'

export interface TrainOptions {
  run: RunDirectory
  onEvent: (event: TrainEvent) => void
  signal?: AbortSignal
}

export interface EvaluateOptions {
  /** Checkpoint to load, absolute path. */
  checkpoint: string
  phase: number
  split: Exclude<Split, 'train'>
  episodes: number
  onEvent: (event: TrainEvent) => void
  signal?: AbortSignal
}

export interface Engine {
  /** Trains until the end or until the signal; never prints. */
  train(config: Config, options: TrainOptions): Promise<TrainResult>
  /** Plays a split with a checkpoint's policy; emits progress and one evaluation. */
  evaluate(config: Config, options: EvaluateOptions): Promise<Evaluation>
  /** Writes report.html into a run directory and returns its path. */
  writeReport(directory: string): Promise<string>
  /** Versions of what is loaded, for environment.json. Throws when the addon cannot be loaded. */
  facts(): Record<string, unknown>
  /** The device that a configured one means here: "cpu" or "cuda:N". */
  device(setting: string): string
}

export async function loadEngine(): Promise<Engine> {
  const [conductor, report, native, device] = await Promise.all([
    import('../train/conductor.ts'),
    import('../report/build.ts'),
    import('../native/loader.ts'),
    import('../train/device.ts'),
  ])
  return {
    train: conductor.train,
    evaluate: conductor.evaluate,
    writeReport: report.writeReport,
    facts: () => ({ native: native.loadNative().info() }),
    device: (setting) => device.resolveDevice(setting, native.loadNative().info()),
  }
}
