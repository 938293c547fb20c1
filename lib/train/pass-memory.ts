/**
 * What happens when a training or scoring pass does not fit in memory: who holds what is told once, caches are
 * given back, the passes' token limit is halved for the rest of the run, and the work is done again from where its
 * gradients were last empty. A second time ends the run with the same account.
 */
import type { NativeMemory } from '../native/types.ts'
import { formatBytes } from '../plan/bytes.ts'
import type { MemoryPlan } from '../plan/plan.ts'

/** Runs work under a token limit per pass, again with a smaller one after it ran out of memory. */
export interface PassMemory {
  /**
   * @param maxTokens Limit as configured; `work` gets what it is now
   * @param undo Takes back what the failed work has left behind: gradients
   */
  run<T>(maxTokens: number, work: (maxTokens: number) => Promise<T>, undo?: () => Promise<void>): Promise<T>
}

/** Passes as configured; memory errors are the caller's. */
export const asConfigured: PassMemory = { run: (maxTokens, work) => work(maxTokens) }

export class OutOfMemoryError extends Error {
  override readonly name = 'OutOfMemoryError'
  readonly code = 'ERR_OUT_OF_MEMORY'
}

export interface MemoryAccount {
  /** Statistics of the device that the model is on. */
  memory(): Promise<NativeMemory>
  /** Gives back what can be spared: the allocator's cache. */
  release(): Promise<void>
  /** Bytes of keys and values, and of tensors that JavaScript keeps alive. */
  held(): { cache: number; external: number }
}

export class HalvingMemory implements PassMemory {
  readonly #account: MemoryAccount
  readonly #plan: MemoryPlan | undefined
  readonly #tell: (message: string) => void
  #halved = false

  constructor(account: MemoryAccount, plan: MemoryPlan | undefined, tell: (message: string) => void) {
    this.#account = account
    this.#plan = plan
    this.#tell = tell
  }

  async run<T>(
    maxTokens: number,
    work: (maxTokens: number) => Promise<T>,
    undo: () => Promise<void> = async () => {},
  ): Promise<T> {
    const limit = this.#halved ? half(maxTokens) : maxTokens
    try {
      return await work(limit)
    } catch (error) {
      if (!isOutOfMemory(error)) throw error
      await undo()
      await this.#halve(limit, error)
    }
    try {
      return await work(half(limit))
    } catch (error) {
      if (!isOutOfMemory(error)) throw error
      throw await this.#exhausted(half(limit), error)
    }
  }

  async #halve(limit: number, error: Error): Promise<void> {
    if (this.#halved) throw await this.#exhausted(limit, error)
    this.#halved = true
    const account = await this.#describe()
    await this.#account.release()
    this.#tell(
      `out of memory in a pass of up to ${limit} tokens; going on with passes of up to ${half(limit)}, the step ` +
        `is repeated. ${account}`,
    )
  }

  async #exhausted(limit: number, cause: Error): Promise<OutOfMemoryError> {
    return new OutOfMemoryError(
      `out of memory in a pass of up to ${limit} tokens, although passes were halved before; lower policy.maxTokens ` +
        `and critics.maxTokens, or see \`mira plan\`. ${await this.#describe()}`,
      { cause },
    )
  }

  async #describe(): Promise<string> {
    const { device, allocatedBytes, reservedBytes, peakBytes, availableBytes } = await this.#account.memory()
    const { cache, external } = this.#account.held()
    const measured =
      `Measured on ${device}: ${formatBytes(allocatedBytes)} in tensors (peak ${formatBytes(peakBytes)}), ` +
      `${formatBytes(reservedBytes)} reserved, ${formatBytes(availableBytes)} available; keys and values ` +
      `${formatBytes(cache)}, kept by JavaScript ${formatBytes(external)}`
    const planned = this.#plan?.holders
      .filter(({ update }) => update > 0)
      .map(({ name, update }) => `${name} ${formatBytes(update)}`)
    return planned ? `${measured}. Planned: ${planned.join(', ')}` : measured
  }
}

function half(tokens: number): number {
  return Math.max(1, Math.floor(tokens / 2))
}

export function isOutOfMemory(error: unknown): error is Error {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'ERR_CUDA_OOM' || error.code === 'ERR_OUT_OF_MEMORY'
}
