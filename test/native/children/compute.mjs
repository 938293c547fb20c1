// Ends of all kinds in the middle of LibTorch's own work: a forward and backward pass of a small Gemma3.
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { addonPath, check, load } from './common.mjs'

const config = {
  vocab: 2048,
  hidden: 256,
  layers: 6,
  heads: 4,
  kvHeads: 2,
  headDim: 64,
  intermediate: 1024,
  slidingWindow: 128,
  maxPositions: 4096,
  rmsEps: 1e-6,
  queryPreAttnScalar: 64,
  ropeThetaGlobal: 1e6,
  ropeThetaLocal: 1e4,
  ropeFactorGlobal: 1,
  layerIsGlobal: [false, false, false, false, false, true],
}

function batch(tokens) {
  return {
    ids: Int32Array.from({ length: tokens }, (_, i) => (i * 31) % config.vocab),
    offsets: Int32Array.of(0, tokens),
    scored: Int32Array.from({ length: tokens - 1 }, (_, i) => i + 1),
  }
}

function step(role, tokens, cancel) {
  const weights = new Float32Array(tokens - 1).fill(1)
  const objective = { kind: 'nll', weights, normaliser: tokens - 1 }
  return role.policyStep(batch(tokens), objective, { checkpoint: 'full', chunk: 256 }, cancel)
}

async function makeRole(addon) {
  const options = { dtype: 'float32', seed: 1n, initStd: 0.02, postNormGain: 1 }
  const model = await addon.randomModel(config, options)
  return model.role({ name: 'actor', kind: 'full' })
}

async function main(how) {
  const addon = load(addonPath)
  const role = await makeRole(addon)
  if (how === 'exit') {
    for (let i = 0; i < 3; i++) step(role, 2048)
    setTimeout(() => process.exit(7), 300)
    return
  }
  if (how === 'abort') {
    const before = (await step(role, 64)).loss
    const cancel = new addon.CancelToken()
    const running = step(role, 4096, cancel)
    const waiting = step(role, 4096, cancel)
    setTimeout(() => cancel.cancel(), 100)
    for (const promise of [running, waiting]) {
      const code = await promise.then(
        () => 'resolved',
        (error) => error.code,
      )
      check(code === 'ERR_ABORTED', `an aborted step rejects with ERR_ABORTED, got ${code}`)
    }
    const after = (await step(role, 64)).loss
    check(before === after, `the model is as before, loss ${before} then ${after}`)
    console.log('alive')
    return
  }
  for (let round = 0; round < 4; round++) {
    const worker = new Worker(new URL(import.meta.url), {
      argv: process.argv.slice(2),
      workerData: { addonPath },
    })
    await once(worker, 'message')
    await new Promise((resolve) => setTimeout(resolve, 20 + 60 * round))
    await worker.terminate()
  }
  const { loss } = await step(role, 64)
  check(Number.isFinite(loss), `the engine computes after the terminations, loss ${loss}`)
  console.log('alive')
}

if (isMainThread) {
  await main(process.argv[4])
} else {
  const role = await makeRole(load(workerData.addonPath))
  const running = [step(role, 2048), step(role, 2048)]
  parentPort.postMessage('busy')
  await Promise.all(running)
}
