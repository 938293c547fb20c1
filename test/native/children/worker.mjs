// A worker that keeps the engine busy: `verbs` long verbs at once, 'busy' when they are queued, 'done' after.
import { parentPort, workerData } from 'node:worker_threads'
import { load, longVerb } from './common.mjs'

const { addonPath, folder, id, verbs, megabytes } = workerData
const addon = load(addonPath)
const running = Array.from({ length: verbs }, (_, i) =>
  longVerb(addon, folder, `worker-${id}-${i}`, megabytes),
)
parentPort.postMessage('busy')
await Promise.all(running)
const tensor = addon.createTensor('int32', [1], Int32Array.of(id))
parentPort.postMessage(new Int32Array(tensor.buffer())[0])
