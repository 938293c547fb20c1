/**
 * Symbol.dispose for Node 20.17, which may lack it. The value is the one that TypeScript and esbuild emit
 * `using` against, so that a compiled `using tensor = ...` finds the method. Import for its effect.
 */
if (typeof Symbol.dispose !== 'symbol') {
  Object.defineProperty(Symbol, 'dispose', { value: Symbol.for('Symbol.dispose') })
}

export const dispose: typeof Symbol.dispose = Symbol.dispose
