/**
 * Adapters in PEFT's layout: adapter_config.json and adapter_model.safetensors, written so that PEFT and vLLM load
 * them on the same base, and read as PEFT writes them. Which linears are adapted is what the tensors say, so
 * target_modules may be a list, a pattern or "all-linear". What mira's adapters cannot express is refused by field.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { CheckpointError, checked, exists, readJson } from './files.ts'
import type { GemmaConfig, LoraTarget, NativeAddon } from './types.ts'

export const ADAPTER_CONFIG = 'adapter_config.json'
export const ADAPTER_WEIGHTS = 'adapter_model.safetensors'
/** Scalar heads of a critic, beside its adapter; PEFT does not look at it. */
export const HEADS_WEIGHTS = 'heads.safetensors'

/** Before "layers." in the names of adapters, by the base they are for. */
export const PEFT_PREFIX = {
  text: 'base_model.model.model.',
  multimodal: 'base_model.model.model.language_model.',
} as const
/** The second of them as transformers before 4.52 had it. */
const READ_PREFIXES = [PEFT_PREFIX.multimodal, 'base_model.model.language_model.model.', PEFT_PREFIX.text]

const MODULES: Record<LoraTarget, string> = {
  q: 'self_attn.q_proj',
  k: 'self_attn.k_proj',
  v: 'self_attn.v_proj',
  o: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
}
const ALL_TARGETS = Object.keys(MODULES) as LoraTarget[]

export interface LoraShape {
  rank: number
  /** The product of the matrices is scaled by alpha / rank. */
  alpha: number
  targets: LoraTarget[]
}

export interface PeftAdapter extends LoraShape {
  /** adapter_model.safetensors. */
  file: string
  /** Before "layers." in its names. */
  prefix: string
  /** The base it was trained on, as PEFT recorded it. */
  base?: string
}

/** Present and not one of these values: the adapter computes something else. */
const configSchema = z.looseObject({
  peft_type: z.string(),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  use_rslora: z.boolean().nullish(),
  base_model_name_or_path: z.string().nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullish(),
})

const REFUSED: readonly [field: string, why: string][] = [
  ['rank_pattern', 'every linear has one rank here'],
  ['alpha_pattern', 'every linear has one alpha here'],
  ['use_dora', 'DoRA is not computed here'],
  ['use_qalora', 'QALoRA is not computed here'],
  ['use_bdlora', 'block-diagonal LoRA is not computed here'],
  ['fan_in_fan_out', 'Gemma3 stores weights [out, in]'],
  ['lora_bias', 'adapters have no bias here'],
  ['modules_to_save', 'only low-rank matrices are read'],
  ['trainable_token_indices', 'only low-rank matrices are read'],
  ['target_parameters', 'only linear layers are adapted'],
  ['layer_replication', 'layers are never repeated'],
  ['alora_invocation_tokens', 'adapters act on every token here'],
]

/** Initialisations that change the base weights, without which the adapter means nothing. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq|lora_ga)/i

const isEmpty = (value: unknown) =>
  value == null ||
  value === false ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && Object.keys(value as object).length === 0)

/** Reads and checks an adapter folder. @throws CheckpointError naming the file and field or tensor */
export async function readPeft(
  addon: Pick<NativeAddon, 'safetensorsHeader'>,
  dir: string,
  model: GemmaConfig,
): Promise<PeftAdapter> {
  const path = join(dir, ADAPTER_CONFIG)
  const json = await readJson(path, 'a PEFT adapter folder')
  const config = checked(configSchema, json, path)
  const refuse = (field: string, why: string): never => {
    throw new CheckpointError(
      `${path}: ${field}: expected nothing, got ${JSON.stringify((json as Record<string, unknown>)[field])}; ${why}`,
    )
  }
  if (config.peft_type !== 'LORA') {
    throw new CheckpointError(
      `${path}: peft_type: expected 'LORA', got '${config.peft_type}'; other adapters are not computed here`,
    )
  }
  for (const [field, why] of REFUSED) if (!isEmpty(config[field])) refuse(field, why)
  if (config.bias != null && config.bias !== 'none') refuse('bias', 'adapters have no bias here')
  if (typeof config.init_lora_weights === 'string' && CHANGES_BASE.test(config.init_lora_weights))
    refuse('init_lora_weights', 'it changes the base weights; convert the adapter with PEFT first')
  const file = join(dir, ADAPTER_WEIGHTS)
  if (!(await exists(file))) {
    const pickled = (await exists(join(dir, 'adapter_model.bin'))) ? ' (adapter_model.bin is not read)' : ''
    throw new CheckpointError(
      `${dir}: expected ${ADAPTER_WEIGHTS}, found none${pickled}; save it with safetensors`,
    )
  }
  const names = (await addon.safetensorsHeader(file)).entries.map((entry) => entry.name)
  const prefix = READ_PREFIXES.find((candidate) =>
    names.some((name) => name.startsWith(`${candidate}layers.`)),
  )
  if (prefix === undefined) {
    throw new CheckpointError(
      `${file}: expected adapters of the text layers (${READ_PREFIXES.join(', ')}), found ${names.length ? `'${names[0]}'` : 'nothing'}`,
    )
  }
  const scale = config.use_rslora ? config.lora_alpha / Math.sqrt(config.r) : config.lora_alpha / config.r
  return {
    file,
    prefix,
    rank: config.r,
    alpha: scale * config.r,
    targets: targetsOf(file, names, prefix, model.layers),
    ...(config.base_model_name_or_path && { base: config.base_model_name_or_path }),
  }
}

/** The linears a file adapts: each in every layer, both matrices, nothing beside them. */
function targetsOf(file: string, names: string[], prefix: string, layers: number): LoraTarget[] {
  const held = new Set(names)
  const nameOf = (layer: number, target: LoraTarget, matrix: 'A' | 'B') =>
    `${prefix}layers.${layer}.${MODULES[target]}.lora_${matrix}.weight`
  const targets = ALL_TARGETS.filter((target) =>
    names.some((name) => name.startsWith(`${prefix}layers.`) && name.includes(`.${MODULES[target]}.lora_`)),
  )
  const expected = new Set<string>()
  for (const target of targets) {
    for (let layer = 0; layer < layers; layer++) {
      for (const matrix of ['A', 'B'] as const) {
        const name = nameOf(layer, target, matrix)
        if (!held.has(name)) {
          throw new CheckpointError(
            `${file}: the tensor '${name}' is missing; an adapted linear must be adapted in all ${layers} layers`,
          )
        }
        expected.add(name)
      }
    }
  }
  const other = names.find((name) => !expected.has(name))
  if (other === undefined) return targets
  const vision = /vision_tower|multi_modal_projector/.test(other)
  throw new CheckpointError(
    `${file}: the tensor '${other}' ${
      vision
        ? 'adapts the vision part, which is not computed here; train the adapter with target_modules of the language model only'
        : 'is not part of an adapter of this model'
    }`,
  )
}

/** adapter_config.json for an adapter of a role. A pattern where a list would also mean the vision tower. */
export function peftConfig(
  lora: LoraShape,
  options: { multimodal: boolean; base?: string },
): Record<string, unknown> {
  const modules = lora.targets.map((target) => MODULES[target].split('.')[1] as string)
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: options.base ?? null,
    r: lora.rank,
    lora_alpha: lora.alpha,
    lora_dropout: 0,
    use_rslora: false,
    use_dora: false,
    bias: 'none',
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
    target_modules: options.multimodal ? `.*language_model.*\\.(${modules.join('|')})` : modules,
    modules_to_save: null,
    rank_pattern: {},
    alpha_pattern: {},
  }
}

/** The order and default of the addon: all seven. */
export function allTargets(targets: readonly LoraTarget[] | undefined): LoraTarget[] {
  return ALL_TARGETS.filter((target) => !targets?.length || targets.includes(target))
}
