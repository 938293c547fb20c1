/**
 * The GPU benchmark and its checks. Stages: probe (what the device and its libraries do), correctness (kernels and the
 * whole model against their twins), train-full, train-lora, generate (mira beside Hugging Face transformers + PEFT on
 * random weights of a published shape). Prints each result when it exists, keeps all as JSON lines, and writes one
 * Markdown page per machine and day.
 * Run: npm run bench -- gpu [STAGE...] [--shape 12b] [--layers 8] [--device cuda|cpu] [--side both|mira|hf]
 *      [--budget SECONDS] [--out DIR]
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { findPython, type Python } from '../sides.ts'
import { runTask, type Task } from './child.ts'
import { recordHost, recordShape } from './host.ts'
import { GROUPS, type Group, job } from './jobs.ts'
import { type Options, parseOptions, type Stage } from './options.ts'
import { type Emit, type Entry, readEntries, recorder } from './record.ts'
import { hostOf, page, slug } from './report.ts'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const script = (name: string) => ({ command: process.execPath, args: ['--import', 'tsx', here(name)] })

/** Starting a process that has less than this left would only waste it. */
const LEAST_SECONDS = 20

type Piece = Pick<Entry, 'stage' | 'side'> & { name: string } & Pick<Task, 'command' | 'args' | 'input'>

/** The processes of a stage, in order. */
function pieces(stage: Stage, options: Options, python: Python | undefined): Piece[] {
  const { device, config, sizes, sides } = options
  if (stage === 'probe') {
    const command = process.env.MIRA_BENCH_PYTHON || 'python3'
    return [
      { stage, name: 'device and libraries', command, args: [here('checks/device.py')], input: { device } },
      { stage, name: 'process and memory', ...script('checks/runtime.ts'), input: { device } },
    ]
  }
  if (stage === 'correctness') {
    const program = process.env.MIRA_KERNEL_CHECK || resolve('build-gpu/addon/Release/mira_kernel_check')
    return [
      { stage, name: 'kernels', command: program, args: [device], input: null },
      { stage, name: 'model', ...script('checks/model.ts'), input: { device } },
      { stage, name: 'training', ...script('checks/training.ts'), input: { device } },
    ]
  }
  const input = job(stage satisfies Group, config, device, sizes)
  const bench = { stage: 'bench' as const, name: stage, input }
  return sides.flatMap((side): Piece[] => {
    if (side === 'mira') return [{ ...bench, side, ...script('ours/worker.ts') }]
    return python ? [{ ...bench, side, command: python.path, args: [here('hf_reference.py')] }] : []
  })
}

/** The page of everything that the entry file holds so far. */
function writePage({ entries, out }: Options): string {
  const all = readEntries([resolve(entries)])
  const path = join(out, `gpu-${slug(hostOf(all))}.md`)
  writeFileSync(path, page(all))
  return resolve(path)
}

/** One line per entry for whoever watches. */
function printing(emit: Emit): Emit {
  const printed = new Set<string>()
  return (entry) => {
    emit(entry)
    // A measurement comes again with its profile.
    const key = [entry.stage, entry.side, entry.name].join()
    if (entry.profile && printed.has(key)) return
    printed.add(key)
    const figures = Object.entries(entry.figures ?? {})
      .map(([key, value]) => `${key} ${Number(value.toPrecision(4))}`)
      .join(', ')
    const result = entry.failed ?? (entry.ok === undefined ? '' : entry.ok ? 'green' : 'RED')
    console.log([entry.stage, entry.side, entry.name, result, figures].filter(Boolean).join(' | '))
  }
}

/** @returns exit status: 0 when every process ended well and no check was red */
export async function benchGpu(argv: string[]): Promise<number> {
  const options = parseOptions(argv)
  const end = performance.now() + options.budget * 1000
  mkdirSync(options.out, { recursive: true })
  let red = 0
  const record = printing(recorder(resolve(options.entries), options.out))
  const emit: Emit = (entry) => {
    if (entry.ok === false || entry.failed !== undefined) red++
    record(entry)
  }
  const python = findPython()
  recordHost(options, python, emit)
  if (options.stages.some((stage) => GROUPS.some((group) => group === stage))) recordShape(options, emit)
  if (!python)
    console.log('Without Hugging Face: name a Python with torch, transformers and peft in MIRA_BENCH_PYTHON.')
  for (const piece of options.stages.flatMap((stage) => pieces(stage, options, python))) {
    const { stage, side, name, ...task } = piece
    const left = Math.floor((end - performance.now()) / 1000)
    const failed =
      left < LEAST_SECONDS
        ? `left out: the budget of ${options.budget} s was used up`
        : await runTask({ ...task, deadlineSeconds: left }, emit)
    if (failed !== undefined)
      emit({ stage, ...(side && { side }), name: `${name}, the whole process`, failed })
    writePage(options)
  }
  console.log(`kept in ${writePage(options)}`)
  return red === 0 ? 0 : 1
}
