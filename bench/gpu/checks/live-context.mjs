// What a process does with a model on a device while work is under way: leaves, is terminated, runs out of memory.
// Plain JavaScript, so that workers start without a transform. Modes: exit, terminate, worker, oom, segments.
// Run: node bench/gpu/checks/live-context.mjs MODE DEVICE ADDON
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const [mode, device, path] = isMainThread ? process.argv.slice(2) : workerData
const addon = createRequire(import.meta.url)(path)

const config = {
  vocab: 1024,
  hidden: 256,
  layers: 6,
  heads: 16,
  kvHeads: 8,
  headDim: 256,
  intermediate: 512,
  slidingWindow: 64,
  maxPositions: 131072,
  rmsEps: 1e-6,
  queryPreAttnScalar: 256,
  ropeThetaGlobal: 1e6,
  ropeThetaLocal: 1e4,
  ropeFactorGlobal: 8,
  layerIsGlobal: [false, false, false, false, false, true],
}

async function actor() {
  const options = { dtype: 'bfloat16', seed: 1n, initStd: 0.02, postNormGain: 1, device }
  const model = await addon.randomModel(config, options)
  const role = await model.role({ name: 'actor', kind: 'full', copy: false })
  role.configureOptimizer({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0, state: 'stochastic' })
  return role
}

function step(role, tokens = device === 'cpu' ? 64 : 4096) {
  const ids = Int32Array.from({ length: tokens }, (_, i) => 8 + ((i * 31) % 1000))
  const batch = { ids, offsets: Int32Array.of(0, tokens), scored: Int32Array.of(tokens - 1) }
  const objective = { kind: 'nll', weights: Float32Array.of(1), normaliser: 1 }
  return role.policyStep(batch, objective, { checkpoint: 'full', chunk: 256 })
}

const check = (condition, sentence) => {
  if (condition) return
  console.error(`Error: ${sentence}`)
  process.exit(99)
}

const role = await actor()
if (mode === 'exit') {
  for (let i = 0; i < 4; i++) step(role)
  setImmediate(() => process.exit(7))
} else if (mode === 'worker') {
  const busy = [step(role), step(role), step(role)]
  parentPort.postMessage('busy')
  await Promise.all(busy)
} else if (mode === 'terminate') {
  for (let id = 0; id < 3; id++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: ['worker', device, path] })
    await once(worker, 'message')
    await new Promise((resolve) => setTimeout(resolve, id * 5))
    await worker.terminate()
  }
  check(Number.isFinite((await step(role)).loss), 'the loss after three terminated workers is not finite')
} else if (mode === 'oom') {
  const before = (await step(role)).loss
  await role.zeroGradients()
  // Keys and values of 4096 slots of 131072 tokens: terabytes.
  let code
  try {
    const generator = role.generator({ slots: 4096, maxLength: 131072, decoder: 'slots' })
    await generator.generate({
      ids: Int32Array.of(9, 10),
      maxNewTokens: 1,
      temperature: 0,
      topK: 0,
      topP: 1,
      stopIds: new Int32Array(0),
      stopStrings: [],
      seed: 0n,
    })
  } catch (error) {
    code = error.code
  }
  check(/OOM|OUT_OF_MEMORY/.test(code ?? ''), `expected an out-of-memory code, received ${code}`)
  const after = (await step(role)).loss
  check(after === before, `the loss was ${before} before running out of memory and is ${after} after`)
} else if (mode === 'segments') {
  for (const tokens of device === 'cpu' ? [16, 48, 32] : [512, 8192, 2048]) {
    check(Number.isFinite((await step(role, tokens)).loss), `the loss of ${tokens} tokens is not finite`)
    await role.optimizerStep({ lr: 1e-5, clipNorm: 1 })
  }
}
