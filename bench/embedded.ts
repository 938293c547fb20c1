/**
 * The benchmark: mira against Hugging Face transformers in eager PyTorch on the embedded model, environment steps
 * per second, event-loop lag during training. Prints a table and keeps it in bench/results; asserts nothing.
 * Run: npm run bench -- [--repeats 3] [--only decode] [--no-save]
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { MiraNativeError } from '../lib/native/errors.ts'
import { loadNative } from '../lib/native/loader.ts'
import { measureEnvironment } from './environment.ts'
import { findPython, measureHuggingFace, measureOurs, type Python } from './sides.ts'
import { cells, HEADER, markdownTable, median, plainTable, rate, row, type SuiteResult } from './summary.ts'
import { type Suite, suites, THREADS } from './workload.ts'

const { values } = parseArgs({
  options: {
    repeats: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    'no-save': { type: 'boolean', default: false },
  },
})
const repeats = Number(values.repeats)
if (!Number.isInteger(repeats) || repeats < 1) {
  console.error(`--repeats: expected a whole number of at least 1, received ${values.repeats}`)
  process.exit(2)
}

function addonInfo() {
  try {
    return loadNative().info()
  } catch (error) {
    if (!(error instanceof MiraNativeError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}

/** Ours and theirs by turns, so that a busy minute of the machine hits both. */
async function compare(suite: Suite, python: Python | undefined): Promise<SuiteResult> {
  const result: SuiteResult = { suite, ours: [], theirs: [] }
  let best: 'eager' | 'sdpa' = 'sdpa'
  for (let repeat = 0; repeat < repeats; repeat++) {
    result.ours.push(await measureOurs(suite))
    if (!python) continue
    if (repeat === 0) {
      const both = [
        await measureHuggingFace(python, suite, 'eager'),
        await measureHuggingFace(python, suite, 'sdpa'),
      ]
      const faster = both.reduce((a, b) => (rate(a) > rate(b) ? a : b))
      best = faster.variant as typeof best
      result.theirs.push(faster)
    } else {
      result.theirs.push(await measureHuggingFace(python, suite, best))
    }
  }
  return result
}

const python = findPython()
if (!python) {
  console.log(
    'Hugging Face is left out: pip install torch==2.13.0 transformers, and name that Python in MIRA_BENCH_PYTHON.',
  )
}
const info = addonInfo()
const cpu = cpus()[0]?.model.trim() ?? 'unknown CPU'
const machine = [
  `${cpu}, ${cpus().length} logical cores, ${info.cpu.capability}; Node ${process.versions.node}; LibTorch ${info.torch}`,
  python ? `; PyTorch ${python.torch}, transformers ${python.transformers}` : '',
].join('')
const load = loadavg()[0] ?? 0
console.log(
  `${machine}\nfloat32, ${THREADS} threads, ${repeats} repeats in turn, load before: ${load.toFixed(2)}\n`,
)

const results: SuiteResult[] = []
for (const suite of suites().filter(({ name }) => name.includes(values.only))) {
  const result = await compare(suite, python)
  results.push(result)
  const [name, unit, ours, theirs, variant, ratio] = cells(row(result))
  console.log(`${name}: ${ours} ${unit}${python ? `, HF ${theirs} (${variant}), ${ratio}` : ''}`)
}

const lag = results.flatMap(({ suite, ours }) =>
  suite.kind === 'train' ? ours.flatMap((m) => m.lag ?? []) : [],
)
const notes: string[] = []
if (lag.length > 0) {
  const [p50, p99] = (['p50', 'p99'] as const).map((key) => median(lag.map((one) => one[key])).toFixed(1))
  const max = Math.max(...lag.map((one) => one.max)).toFixed(1)
  notes.push(
    `Event-loop lag during training: p50 ${p50} ms, p99 ${p99} ms (target under 50), longest ${max} ms.`,
  )
}
const reused = results.flatMap(({ suite, ours }) =>
  suite.kind === 'turns' ? ours.flatMap((m) => m.reusedShare ?? []) : [],
)
if (reused.length > 0) {
  notes.push(
    `Prompt tokens of agent turns taken from the session's cache: ${(100 * median(reused)).toFixed(0)}%.`,
  )
}
if ('environment'.includes(values.only)) {
  for (const addressing of ['name', 'id'] as const) {
    const { stepsPerSecond, resetMedian, resetP99 } = await measureEnvironment(addressing, 3)
    notes.push(
      `Environment, elements by ${addressing}: ${stepsPerSecond.toFixed(0)} steps/s on one core with observation ` +
        `(target 300), reset ${resetMedian.toFixed(2)} ms median, ${resetP99.toFixed(2)} ms p99.`,
    )
  }
}

const body = results.map((result) => cells(row(result)))
if (body.length > 0) console.log(`\n${plainTable(HEADER, body)}\n`)
console.log(notes.join('\n'))

if (!values['no-save'] && values.only === '') {
  const folder = fileURLToPath(new URL('results/', import.meta.url))
  const date = new Date().toISOString().slice(0, 10)
  const slug = `${cpus().length}x-${cpu}`
    .toLowerCase()
    .replace(/\([^)]*\)/g, '')
    .replace(/[^a-z0-9.]+/g, '-')
  mkdirSync(folder, { recursive: true })
  const path = `${folder}${slug}-${date}.md`
  const text = [
    `# Embedded model, ${date}`,
    `${machine}. float32, ${THREADS} threads; medians of ${repeats} processes per side, in turn; load before the run ${load.toFixed(2)}.`,
    'HF is `Gemma3ForCausalLM` in eager PyTorch with the faster of its attention implementations, fused AdamW and logits only where the loss is.',
    markdownTable(HEADER, body),
    notes.map((note) => `- ${note}`).join('\n'),
    'Made by `npm run bench`. Memory is the peak resident size of the whole process.',
  ]
  writeFileSync(path, `${text.join('\n\n')}\n`)
  console.log(`\nkept in ${path}`)
}
