/**
 * The source of a self-contained function, as an expression that can be called on a page.
 */

/** Loaders that keep function names wrap functions in a helper, which a page does not have. */
export const sourceOf = (fn: unknown): string =>
  `((...args) => { const __name = (named) => named; return (${String(fn)})(...args) })`
