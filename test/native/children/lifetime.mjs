// Run with --expose-gc: memory lives exactly as long as something can reach it.
import { addonPath, check, collect, folder, load, turn } from './common.mjs'

const addon = load(addonPath)
const idle = addon.externalBytes()

// A view alone keeps the bytes, after the handle was collected.
const collected = new Set()
const registry = new FinalizationRegistry((name) => collected.add(name))
const view = (() => {
  const handle = addon.createTensor('float32', [1 << 20])
  registry.register(handle, 'handle')
  return new Float32Array(handle.buffer()).fill(5)
})()
await collect(() => collected.has('handle'))
check(collected.has('handle'), 'the handle was collected while a view lives')
check(addon.externalBytes() === idle + (4 << 20), 'its bytes are still counted')
check(
  view.every((value) => value === 5),
  'its bytes are still there',
)

// A handle alone keeps the bytes and the buffer's identity.
const handle = addon.createTensor('int32', [3], Int32Array.of(1, 2, 3))
new Int32Array(handle.buffer())[1] = 9
await collect(() => false)
check(new Int32Array(handle.buffer())[1] === 9, 'a buffer survives collection while its handle lives')
handle.dispose()

// Nothing left: everything is given back.
;(() => {
  for (let i = 0; i < 100; i++) addon.createTensor('uint8', [1 << 20]).buffer()
})()
check(addon.externalBytes() >= idle + (100 << 20), 'a hundred buffers are counted')
await collect(() => addon.externalBytes() === idle + (4 << 20))
check(
  addon.externalBytes() === idle + (4 << 20),
  `unreachable buffers are given back, ${addon.externalBytes()} left`,
)

// A borrowed array is held while the tensor is, also when the last use ends on the engine thread.
let verb
;(() => {
  const source = new Uint8Array(32 << 20)
  registry.register(source.buffer, 'source')
  const loan = addon.borrowTensor('uint8', [32 << 20], source)
  verb = addon.safetensorsWrite(`${folder}/loan`, [{ name: 'a', tensor: loan }], {})
  loan.dispose()
})()
await verb
await collect(() => collected.has('source'))
check(collected.has('source'), 'a borrowed array is released after its last use')
check((await addon.safetensorsHeader(`${folder}/loan`)).entries[0].end === 32 << 20, 'and was written whole')

// V8 is told of bytes that only handles hold: it collects before they pile up.
const block = new Uint8Array(32 << 20).fill(1)
for (let i = 0; i < 100; i++) {
  addon.createTensor('uint8', [block.length], block)
  if (i % 4 === 0) await turn()
}
const peak = process.resourceUsage().maxRSS / 1024
check(peak < 2000, `3200 MB of forgotten tensors stay below 2000 MB at once, peak ${peak} MB`)
console.log('alive')
