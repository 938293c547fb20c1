// Terminates workers in the middle of verbs again and again, then shows that the engine still serves.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { addonPath, check, folder, load, longVerb } from './common.mjs'

for (let id = 0; id < 15; id++) {
  const workerData = { addonPath, folder, id, verbs: 1 + (id % 3), megabytes: 64 }
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData })
  await once(worker, 'message')
  await new Promise((resolve) => setTimeout(resolve, id * 2))
  await worker.terminate()
}
const addon = load(addonPath)
await longVerb(addon, folder, 'after', 1)
const { entries } = await addon.safetensorsHeader(`${folder}/after`)
check(entries.length === 1, 'the engine serves after the terminations')
console.log('alive')
