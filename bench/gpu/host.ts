/**
 * What the figures of a run belong to: the card and the versions of everything that computed them.
 */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { loadNative } from '../../lib/native/loader.ts'
import type { Python } from '../sides.ts'
import type { Options } from './options.ts'
import type { Emit } from './record.ts'

function driver(): string | undefined {
  try {
    const text = readFileSync('/proc/driver/nvidia/version', 'utf8')
    return /Module(?: for \S+)?\s+([\d.]+)/.exec(text)?.[1]
  } catch {
    return undefined
  }
}

/** The device by the name that its driver gives it; the processor for `cpu`. */
export function deviceName(device: string): string {
  const processor = cpus()[0]?.model.trim() ?? 'unknown CPU'
  if (device === 'cpu') return `${cpus().length}x ${processor}`
  const index = Number(/:(\d+)$/.exec(device)?.[1] ?? 0)
  const { devices } = loadNative().info().cuda
  const found = devices[index]
  if (!found)
    throw new Error(
      `--device ${device}: the addon sees ${devices.length} CUDA devices; give --device cpu, or see ` +
        'docs/gpu.md, "When something is wrong"',
    )
  return found.name
}

export function recordHost(options: Pick<Options, 'device'>, python: Python | undefined, emit: Emit): void {
  const { torch, cpu } = loadNative().info()
  const version = driver()
  const parts = [
    deviceName(options.device),
    ...(version && options.device !== 'cpu' ? [`driver ${version}`] : []),
    `LibTorch ${torch}`,
    `Node ${process.versions.node}`,
    `${cpus().length} CPU cores, ${cpu.threads} threads, ${cpu.capability}`,
    python ? `PyTorch ${python.torch}, transformers ${python.transformers}` : 'no Hugging Face side',
  ]
  emit({
    stage: 'host',
    name: 'machine',
    figures: { unixSeconds: Math.round(Date.now() / 1000) },
    note: parts.join('; '),
  })
}

export function recordShape({ shape, config, whole }: Options, emit: Emit): void {
  emit({
    stage: 'host',
    name: 'shape',
    figures: { layers: config.layers, whole12b: shape === '12b' && whole ? 1 : 0 },
    note: `Gemma3-${shape}${whole ? '' : ` cut to ${config.layers} layers`}`,
  })
}
