/**
 * The memory plan of a configuration on this machine, before weights are loaded: the model's shape from its
 * config.json, from the table of published models, or from the configured architecture; what is available from the
 * device. Loads no weights.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import { GemmaConfigError, parseGemmaConfig } from '../native/gemma-config.ts'
import { MiraNativeError } from '../native/errors.ts'
import { loadNative } from '../native/loader.ts'
import type { GemmaConfig, NativeAddon, NativeMemory } from '../native/types.ts'
import { suggestions } from '../plan/fit.ts'
import { memoryPlan } from '../plan/plan.ts'
import { publishedShape } from '../plan/published.ts'
import { planInput } from '../plan/settings.ts'
import { type PlanReport, planText, shortfall } from '../plan/text.ts'
import { resolveDevice } from './device.ts'
import { EMBEDDED_TOKENIZER, gemmaShape } from './model-shape.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'

/** The configured run does not fit; `message` is a sentence and the plan. */
export class PlanError extends Error {
  override readonly name = 'PlanError'
  readonly code = 'ERR_PLAN'
  readonly report: PlanReport
  constructor(report: PlanReport) {
    super(
      `${shortfall(report.plan, report.available)}; nothing was loaded. Choose settings that fit, or start anyway ` +
        `with --set run.skipPlan=true\n${planText(report)}`,
    )
    this.report = report
  }
}

export interface Available {
  bytes: number
  /** Where the figure comes from: "cuda:0, free of 150 GB". */
  source: string
}

export async function planRun(
  config: Config,
  device: 'cpu' | 'cuda',
  available: Available,
): Promise<PlanReport> {
  const model = await modelShape(config)
  const plan = memoryPlan(planInput(config, model, device))
  const fits = plan.peak <= available.bytes
  return {
    title: title(config, device),
    plan,
    available,
    fits,
    suggestions: fits ? [] : suggestions(config, model, device, available.bytes),
  }
}

/**
 * The plan on this machine: on the device that the configuration resolves to here, or on one with `memory` bytes
 * free, a GPU unless the configuration names the CPU. Without a built addon the CPU is assumed.
 */
export async function planHere(config: Config, memory?: number): Promise<PlanReport> {
  if (memory !== undefined) {
    const device = config.model.device === 'cpu' ? 'cpu' : 'cuda'
    return planRun(config, device, { bytes: memory, source: 'as given' })
  }
  let addon: NativeAddon
  try {
    addon = loadNative()
  } catch (error) {
    if (!(error instanceof MiraNativeError)) throw error
    if (config.model.device.startsWith('cuda')) throw error
    return planRun(config, 'cpu', { bytes: process.availableMemory(), source: 'memory of this host' })
  }
  const device = resolveDevice(config.model.device, addon.info())
  return planRun(config, device === 'cpu' ? 'cpu' : 'cuda', availableOn(await addon.memory({ device })))
}

/** @throws PlanError when the run does not fit and the configuration does not say to start anyway */
export async function checkedPlan(config: Config, device: string): Promise<PlanReport> {
  const available = availableOn(await loadNative().memory({ device }))
  const report = await planRun(config, device === 'cpu' ? 'cpu' : 'cuda', available)
  if (!report.fits && !config.run.skipPlan) throw new PlanError(report)
  return report
}

/** What the device has left for a run. */
export function availableOn({ device, availableBytes }: NativeMemory): Available {
  return { bytes: availableBytes, source: device === 'cpu' ? 'memory of this host' : `free on ${device}` }
}

/** The shape that the run will have, read without its weights. @throws GemmaConfigError, TokenizerError */
export async function modelShape(config: Config): Promise<GemmaConfig> {
  const { path, published } = config.model
  if (path !== null) return shapeIn(join(path, 'config.json'))
  if (published !== null) return publishedShape(published)
  return gemmaShape(config, Tokenizer.load(config.tokenizer.path ?? EMBEDDED_TOKENIZER))
}

async function shapeIn(file: string): Promise<GemmaConfig> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new GemmaConfigError(
      `model.path: expected a folder in Hugging Face layout, ${file} cannot be read; give the checkpoint's folder`,
      { cause },
    )
  }
  try {
    return parseGemmaConfig(JSON.parse(text), file).config
  } catch (cause) {
    if (cause instanceof GemmaConfigError) throw cause
    throw new GemmaConfigError(`${file}: expected JSON, got something else; the file may be truncated`, {
      cause,
    })
  }
}

function title({ model, training }: Config, device: string): string {
  const name = model.path ?? (model.published === null ? 'the configured model' : `Gemma3 ${model.published}`)
  return `memory plan: ${name}, ${training.mode === 'full' ? 'full fine-tuning' : 'adapters'}, ${model.dtype}, ${device}`
}
