// What the child processes of engine.test.ts share: the addon by path, a verb that takes a while, and an
// assertion that ends the process. Plain JavaScript, so that workers start without a transform.
import { createRequire } from 'node:module'
import { join } from 'node:path'

export const [, , addonPath, folder] = process.argv

export const load = (path) => createRequire(import.meta.url)(path)

/** Writes `megabytes` to a file: hundreds of milliseconds on the engine thread, in blocks that poll. */
export function longVerb(addon, into, name, megabytes = 128, cancel = undefined) {
  const tensor = addon.createTensor('uint8', [megabytes << 20])
  return addon.safetensorsWrite(join(into, name), [{ name: 'a', tensor }], {}, cancel)
}

export const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Collects garbage until `done` or the patience ends; finalizers run between turns. */
export async function collect(done) {
  for (let round = 0; round < 50 && !done(); round++) {
    globalThis.gc()
    await turn()
  }
}

export function check(condition, sentence) {
  if (condition) return
  console.error(`failed: ${sentence}`)
  process.exit(99)
}
