/**
 * The command line of the GPU benchmark and of its stages, parsed and checked; every error is one sentence.
 */
import { parseArgs } from 'node:util'
import { z } from 'zod'
import type { Device } from '../../lib/native/model.ts'
import type { GemmaConfig } from '../../lib/native/types.ts'
import { CPU_SIZES, GPU_SIZES, GROUPS, type Sizes } from './jobs.ts'
import { cut, SHAPES, type ShapeName } from './shapes.ts'

export const STAGES = ['probe', 'correctness', ...GROUPS] as const
export type Stage = (typeof STAGES)[number]

export interface Options {
  stages: Stage[]
  shape: ShapeName
  config: GemmaConfig
  whole: boolean
  device: Device
  sides: ('mira' | 'hf')[]
  sizes: Sizes
  /** Seconds for all of it. */
  budget: number
  /** Entry file that is appended to. */
  entries: string
  /** Folder for the page and a copy of the entries. */
  out: string
}

const counts = z
  .string()
  .regex(/^[1-9]\d*(,[1-9]\d*)*$/, 'expected whole numbers separated by commas')
  .transform((text) => text.split(',').map(Number))
const count = z
  .string()
  .regex(/^[1-9]\d*$/, 'expected a whole number of at least 1')
  .transform(Number)

const schema = z.object({
  shape: z.enum(Object.keys(SHAPES) as [ShapeName, ...ShapeName[]]).default('12b'),
  layers: count.optional(),
  device: z
    .string()
    .regex(/^(cpu|cuda(:\d+)?)$/, 'expected cpu, cuda or cuda:N')
    .transform((text) => text as Device)
    .default('cuda'),
  side: z.enum(['both', 'mira', 'hf']).default('both'),
  rows: counts.optional(),
  prompt: count.optional(),
  'new-tokens': count.optional(),
  batches: counts.optional(),
  'hf-batches': counts.optional(),
  steps: count.optional(),
  budget: count.default(3000),
  entries: z.string().default('build-gpu/entries.jsonl'),
  out: z.string().default(process.env.OUT || 'bench/results'),
})

/** @throws Error naming the option, what was expected and what came */
export function parseOptions(argv: string[]): Options {
  const options = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [name, { type: 'string' as const }]),
  )
  const { values, positionals } = parseArgs({ args: argv, options, allowPositionals: true })
  const parsed = schema.safeParse(values)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const name = String(issue?.path[0])
    throw new Error(`--${name}: ${issue?.message}, received ${String(values[name])}`, { cause: parsed.error })
  }
  const { shape, layers, device, side, budget, entries, out, ...given } = parsed.data
  const whole = layers === undefined || layers === SHAPES[shape].layers
  if (!whole && (layers ?? 0) > SHAPES[shape].layers)
    throw new Error(`--layers: expected at most ${SHAPES[shape].layers} for ${shape}, received ${layers}`)
  const base = device === 'cpu' ? CPU_SIZES : GPU_SIZES
  return {
    stages: stagesOf(positionals),
    shape,
    config: cut(SHAPES[shape], layers),
    whole,
    device,
    sides: side === 'both' ? ['mira', 'hf'] : [side],
    sizes: {
      rows: given.rows ?? base.rows,
      promptLength: given.prompt ?? base.promptLength,
      newTokens: given['new-tokens'] ?? base.newTokens,
      batches: (given.batches ?? base.batches).sort((a, b) => a - b),
      hfBatches: given['hf-batches'] ?? base.hfBatches,
      steps: given.steps ?? base.steps,
    },
    budget,
    entries,
    out,
  }
}

/** `bench`, the default, is all of the benchmark's groups. */
function stagesOf(names: readonly string[]): Stage[] {
  return (names.length === 0 ? ['bench'] : names).flatMap((name) => {
    if (name === 'bench') return [...GROUPS]
    const stage = STAGES.find((one) => one === name)
    if (!stage) throw new Error(`expected a stage (${STAGES.join(', ')}, bench), received '${name}'`)
    return [stage]
  })
}
