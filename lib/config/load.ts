/**
 * From presets, files and overrides to one checked Config, or to sentences that say what is wrong and where.
 */
import { closest, distance } from 'fastest-levenshtein'
import { stringify } from 'yaml'
import type { z } from 'zod'
import { ConfigError } from './errors.ts'
import {
  fileLayers,
  type Layer,
  mergeLayers,
  overrideLayer,
  type Plain,
  type PlainObject,
  presetLayer,
  typeName,
} from './layers.ts'
import { DEFAULT_PRESET } from './presets.ts'
import { type Config, type ConfigInput, configSchema } from './schema.ts'

export interface ConfigSources {
  /** Starting point; default "embedded". */
  preset?: string
  /** Values laid over the preset, under the file: what a model brings with it. */
  base?: ConfigInput
  /** YAML file laid over the preset; its `extends` comes below it. */
  file?: string
  /** `a.b=value` each, the last wins. */
  set?: readonly string[]
  /** The file was written by mira, perhaps an older one: keys that were renamed since are read as what they are now. */
  stored?: boolean
}

/** Keys that had another name once. */
const RENAMED = new Map([['model.checkpoint', 'model.path']])

/** @throws ConfigError naming every unknown key, wrong type and unreadable file */
export function loadConfig(sources: ConfigSources = {}): Config {
  return resolveLayers([
    presetLayer(sources.preset ?? DEFAULT_PRESET),
    ...(sources.base === undefined ? [] : [plainLayer(sources.base)]),
    ...(sources.file === undefined ? [] : fileLayers(sources.file)).map((layer) =>
      sources.stored ? withNewNames(layer) : layer,
    ),
    ...(sources.set ?? []).map(overrideLayer),
  ])
}

/** A Config from code: what is left out takes its default. */
export function defineConfig(input: ConfigInput = {}): Config {
  return resolveLayers([plainLayer(input)])
}

function plainLayer(input: ConfigInput): Layer {
  return { data: input as Layer['data'], origins: new Map() }
}

/** The resolved configuration as a file that `--config` reads back to the same values. */
export function configToYaml(config: Config): string {
  return stringify(config, { lineWidth: 110 })
}

/** A layer with every renamed key under its new name, whose value it takes unless that is there too. */
function withNewNames({ data, origins }: Layer): Layer {
  const copy = structuredClone(data)
  for (const [before, now] of RENAMED) {
    const from = sectionOf(copy, before)
    const to = sectionOf(copy, now)
    const [oldKey, newKey] = [lastOf(before), lastOf(now)]
    if (!from || !to || !Object.hasOwn(from, oldKey)) continue
    if (!Object.hasOwn(to, newKey)) to[newKey] = from[oldKey] as Plain
    delete from[oldKey]
  }
  return { data: copy, origins }
}

function sectionOf(data: PlainObject, path: string): PlainObject | undefined {
  const section = valueAt(data, path.split('.').slice(0, -1))
  return typeof section === 'object' && section !== null ? (section as PlainObject) : undefined
}

const lastOf = (path: string) => path.split('.').at(-1) as string

function resolveLayers(layers: readonly Layer[]): Config {
  const merged = mergeLayers(layers)
  const result = configSchema.safeParse(merged.data)
  if (result.success) return result.data
  throw new ConfigError(
    result.error.issues.flatMap((issue) => sentences(issue, merged)),
    { cause: result.error },
  )
}

function sentences(issue: z.core.$ZodIssue, { data, origins }: Layer): string[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path)
    return issue.keys.map((key) => {
      const full = [...path, key]
      const now = RENAMED.get(full.join('.'))
      const written = [...path, origins.get(full.join('.'))?.spelling ?? key].join('.')
      if (now !== undefined) return `${written} was renamed to ${now}${where(full, origins)}; write ${now}`
      return `unknown key ${written}${where(full, origins)}: ${suggestion(key, path, known)}`
    })
  }
  const received = issue.code === 'custom' && issue.input !== undefined ? issue.input : valueAt(data, path)
  return [`${path.join('.')}: ${expected(issue)}, received ${typeName(received)}${where(path, origins)}`]
}

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${issue.expected === 'int' ? 'a whole number' : article(issue.expected)}`
    case 'invalid_value':
      return `expected ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`
    case 'invalid_union':
      return `expected ${issue.errors.map((option) => (option[0] ? expected(option[0]).replace(/^expected /, '') : '')).join(' or ')}`
    case 'too_small':
      return issue.origin === 'array' || issue.origin === 'string'
        ? `expected at least ${issue.minimum} ${issue.origin === 'array' ? 'entries' : 'characters'}`
        : `expected a number ${issue.inclusive ? 'of at least' : 'above'} ${issue.minimum}`
    case 'too_big':
      return issue.origin === 'array'
        ? `expected at most ${issue.maximum} entries`
        : `expected a number ${issue.inclusive ? 'of at most' : 'below'} ${issue.maximum}`
    case 'not_multiple_of':
      return `expected a multiple of ${issue.divisor}`
    default:
      return issue.message
  }
}

function article(type: string): string {
  if (type === 'object' || type === 'record') return 'a mapping'
  if (type === 'array' || type === 'tuple') return 'a list'
  return `a ${type}`
}

/** The origin of the key itself or of the nearest mapping above it. */
function where(path: readonly string[], origins: Layer['origins']): string {
  for (let length = path.length; length > 0; length--) {
    const origin = origins.get(path.slice(0, length).join('.'))
    if (origin) return ` (${origin.place})`
  }
  return ''
}

/**
 * The nearest key of the same section; when none is near, the same name in another section (a right key in the
 * wrong place is as common as a misspelt one).
 */
function suggestion(key: string, path: readonly string[], known: readonly string[]): string {
  const section = path.length > 0 ? ` of ${path.join('.')}` : ''
  const near = known.length > 0 ? closest(key, known) : undefined
  if (near !== undefined && isNear(key, near)) return `did you mean ${[...path, near].join('.')}?`
  const elsewhere = allKeys().filter((candidate) => isNear(key, candidate.split('.').at(-1) as string, 1))
  // The least nested first: a short name means the more general key.
  const depth = (candidate: string) => candidate.split('.').length
  const other = elsewhere.sort((a, b) => depth(a) - depth(b))[0]
  if (other !== undefined) return `did you mean ${other}?`
  return `the keys${section} are ${known.join(', ')}`
}

function isNear(key: string, candidate: string, limit = Math.max(2, Math.floor(key.length / 2.5))): boolean {
  return distance(key.toLowerCase(), candidate.toLowerCase()) <= limit
}

function knownKeys(path: readonly string[]): string[] {
  const section = valueAt(configSchema.parse({}) as unknown as Plain, path)
  return typeof section === 'object' && section !== null ? Object.keys(section) : []
}

function allKeys(): string[] {
  const keys: string[] = []
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    for (const [key, inner] of Object.entries(value)) {
      const here = path ? `${path}.${key}` : key
      keys.push(here)
      walk(inner, here)
    }
  }
  walk(configSchema.parse({}), '')
  return keys
}

function valueAt(data: Plain | undefined, path: readonly string[]): Plain | undefined {
  let value: unknown = data
  for (const key of path) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
  }
  return value as Plain | undefined
}
