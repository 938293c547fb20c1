/**
 * Sources of configuration laid over one another: presets, YAML files, `--set key=value`. Keeps where each key
 * came from (file and line) so that errors can say it. Knows no schema.
 */
import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { isMap, isScalar, LineCounter, parse, parseDocument, type YAMLMap } from 'yaml'
import { ConfigError } from './errors.ts'
import { isPreset, PRESET_NAMES, presets } from './presets.ts'

export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain }
export type PlainObject = { [key: string]: Plain }

export interface Layer {
  data: PlainObject
  /** Dotted path of every key in this layer, as normalised, to where it was written. */
  origins: Map<string, Origin>
}

export interface Origin {
  /** "run.yaml line 12", "--set policy.beta=x" or "preset smoke". */
  place: string
  /** The key as the user spelt it. */
  spelling: string
}

export function presetLayer(name: string): Layer {
  if (!isPreset(name)) {
    throw new ConfigError(`expected a preset (${PRESET_NAMES.join(', ')}), received "${name}"`)
  }
  return collect(structuredClone(presets[name]) as PlainObject, () => `preset ${name}`)
}

/**
 * A YAML file and, below it, what its `extends` names: a preset or another file, relative to this one.
 * @returns lowest layer first
 */
export function fileLayers(path: string, seen: readonly string[] = []): Layer[] {
  const full = resolve(path)
  if (seen.includes(full)) {
    throw new ConfigError(`expected files that extend one another to end somewhere, ${path} extends itself`)
  }
  const { data, lineOf } = readYaml(full, path)
  const place = (key: string) => `${path} line ${lineOf(key)}`
  const { extends: base, ...own } = data
  const layer = collect(own, place)
  if (base === undefined) return [layer]
  if (typeof base !== 'string') {
    throw new ConfigError(
      `extends: expected a preset or a file name, received ${typeName(base)} (${place('extends')})`,
    )
  }
  if (isPreset(base)) return [presetLayer(base), layer]
  const next = isAbsolute(base) ? base : resolve(dirname(full), base)
  return [...fileLayers(next, [...seen, full]), layer]
}

/** `a.b=value` with the value read as YAML, so that 3, true, [1, 2] and {x: 1} mean what they look like. */
export function overrideLayer(text: string): Layer {
  const equals = text.indexOf('=')
  const path = equals < 0 ? '' : text.slice(0, equals).trim()
  if (!/^[\w-]+(\.[\w-]+)*$/.test(path)) {
    throw new ConfigError(`--set: expected key.path=value, received "${text}"`)
  }
  let value: Plain
  try {
    value = parse(text.slice(equals + 1)) as Plain
  } catch (cause) {
    throw new ConfigError(`--set ${path}: expected a YAML value, received "${text.slice(equals + 1)}"`, {
      cause,
    })
  }
  const keys = path.split('.')
  const data = keys.reduceRight<Plain>((inner, key) => ({ [key]: inner }), value) as PlainObject
  return collect(data, () => `--set ${text}`)
}

/** Later layers win; mappings merge key by key, everything else (lists too) is replaced. */
export function mergeLayers(layers: readonly Layer[]): Layer {
  const origins = new Map<string, Origin>()
  let data: PlainObject = {}
  for (const layer of layers) {
    data = merge(data, layer.data)
    for (const [key, origin] of layer.origins) origins.set(key, origin)
  }
  return { data, origins }
}

/** shaping_gamma and shapingGamma are the same key. */
export function normaliseKey(key: string): string {
  return key.replace(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

export function typeName(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return `the list ${JSON.stringify(value)}`
  if (typeof value === 'object') return 'a mapping'
  return `the ${typeof value} ${JSON.stringify(value)}`
}

function collect(data: PlainObject, place: (key: string) => string): Layer {
  const origins = new Map<string, Origin>()
  const walk = (object: PlainObject, written: string, path: string): PlainObject => {
    const out: PlainObject = Object.create(null) as PlainObject
    for (const [spelling, value] of Object.entries(object)) {
      const key = normaliseKey(spelling)
      const here = path ? `${path}.${key}` : key
      const asWritten = written ? `${written}.${spelling}` : spelling
      if (origins.has(here)) {
        throw new ConfigError(
          `${asWritten}: expected one spelling of this key, received two (${place(asWritten)})`,
        )
      }
      origins.set(here, { place: place(asWritten), spelling })
      out[key] = isPlainObject(value) ? walk(value, asWritten, here) : value
    }
    return { ...out }
  }
  return { data: walk(data, '', ''), origins }
}

function merge(below: PlainObject, above: PlainObject): PlainObject {
  const out: PlainObject = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const held = Object.hasOwn(out, key) ? out[key] : undefined
    out[key] = isPlainObject(held) && isPlainObject(value) ? merge(held, value) : value
  }
  return out
}

function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readYaml(full: string, shown: string): { data: PlainObject; lineOf: (key: string) => number } {
  let text: string
  try {
    text = readFileSync(full, 'utf8')
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unreadable'
    throw new ConfigError(`expected a configuration file at ${shown}, it cannot be read (${reason})`, {
      cause,
    })
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const first = document.errors[0]
  if (first) {
    const { line } = lines.linePos(first.pos[0])
    throw new ConfigError(`${shown} line ${line}: expected YAML, ${first.message}`, { cause: first })
  }
  const data = document.toJS() as unknown
  if (data === null || data === undefined) return { data: {}, lineOf: () => 1 }
  if (!isMap(document.contents) || !isPlainObject(data)) {
    throw new ConfigError(`${shown}: expected a mapping of sections, received ${typeName(data)}`)
  }
  const found = new Map<string, number>()
  const visit = (map: YAMLMap, path: string): void => {
    for (const pair of map.items) {
      if (!isScalar(pair.key)) continue
      const here = path ? `${path}.${String(pair.key.value)}` : String(pair.key.value)
      if (pair.key.range) found.set(here, lines.linePos(pair.key.range[0]).line)
      if (isMap(pair.value)) visit(pair.value, here)
    }
  }
  visit(document.contents, '')
  return { data, lineOf: (key) => found.get(key) ?? 1 }
}
