/** Facts about the machine and process of a run, for whoever compares figures later. Holds no names of people. */
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os'

export interface EnvironmentFacts {
  startedAt: string
  node: string
  platform: string
  cpu: { model: string; logical: number }
  memoryBytes: number
  /** What the caller adds: version of mira, LibTorch as loaded, source revision. */
  [key: string]: unknown
}

export function environmentFacts(extra: Record<string, unknown> = {}): EnvironmentFacts {
  return {
    startedAt: new Date().toISOString(),
    node: process.version,
    platform: `${platform()} ${arch()} ${release()}`,
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', logical: availableParallelism() },
    memoryBytes: totalmem(),
    ...extra,
  }
}
