/**
 * scope(): an arena. Tensors made while its function runs are disposed when it returns, but for those it returns.
 * Synchronous on purpose: an arena across an await would swallow the tensors of whoever runs in between.
 */
import { MiraNativeError } from './errors.ts'

interface Disposable {
  dispose(): void
}

const open: Set<Disposable>[] = []

/** The innermost open arena of this thread, for Tensor's constructor. */
export function enclosingScope(): Set<Disposable> | undefined {
  return open.at(-1)
}

/**
 * Runs `body` and disposes every Tensor it made, except those in its return value (a tensor, or an array or
 * plain object of tensors), which pass to the enclosing scope if there is one.
 * @throws MiraNativeError ERR_INVALID_ARGUMENT when `body` returns a promise
 */
export function scope<T>(body: () => T): T {
  const made = new Set<Disposable>()
  open.push(made)
  let result: T
  try {
    result = body()
    if (result instanceof Promise) {
      throw new MiraNativeError(
        'ERR_INVALID_ARGUMENT',
        'scope: expected a synchronous function, got one that returns a promise; dispose its tensors by hand',
      )
    }
    for (const kept of parts(result)) {
      if (made.delete(kept as Disposable)) open.at(-2)?.add(kept as Disposable)
    }
  } finally {
    open.pop()
    for (const tensor of made) tensor.dispose()
  }
  return result
}

function parts(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Array.isArray(value) ? value : [value, ...Object.values(value)]
}
