/** JSON schemas for structured output, from zod and as prompt text; knows what OpenAI's strict mode asks of them. */
import { z } from 'zod'

type Schema = Record<string, unknown>

/** The schema of what a model should write (a transform's input), closed: objects have no fields beyond the named. */
export function jsonSchemaOf(schema: z.ZodType): Schema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  })
  return closed(json) as Schema
}

function closed(node: unknown): unknown {
  return mapSchemas(node, (schema) =>
    schema.type === 'object' && isObject(schema.properties) && schema.additionalProperties === undefined
      ? { ...schema, additionalProperties: false }
      : schema,
  )
}

/**
 * Every object closed and every field required, as strict mode demands.
 * https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
 */
export function fitsStrictMode(json: unknown): boolean {
  let fits = isObject(json) && json.type === 'object'
  mapSchemas(json, (schema) => {
    if (schema.type === 'object') {
      const names = Object.keys(isObject(schema.properties) ? schema.properties : {})
      const required = new Set(Array.isArray(schema.required) ? schema.required : [])
      fits &&= schema.additionalProperties === false && names.every((name) => required.has(name))
    }
    return schema
  })
  return fits
}

/** What a model without a JSON mode is told. */
export function schemaInstruction({ name, json }: { name: string; json: unknown }): string {
  return (
    `Reply with one JSON value, the ${name}, and nothing before or after it. ` +
    `It must be an instance of this JSON schema:\n${JSON.stringify(json)}`
  )
}

/** Applies `change` to every schema of a tree, leaves first; values of enum, const and default are no schemas. */
function mapSchemas(node: unknown, change: (schema: Schema) => Schema): unknown {
  if (Array.isArray(node)) return node.map((item) => mapSchemas(item, change))
  if (!isObject(node)) return node
  const mapped = Object.fromEntries(
    Object.entries(node).map(([name, value]) => {
      if (DATA.has(name)) return [name, value]
      if (!BY_NAME.has(name) || !isObject(value)) return [name, mapSchemas(value, change)]
      return [name, Object.fromEntries(Object.entries(value).map(([key, v]) => [key, mapSchemas(v, change)]))]
    }),
  )
  return change(mapped)
}

const DATA = new Set(['enum', 'const', 'default', 'examples', 'required'])
/** Keywords whose values map names to schemas. */
const BY_NAME = new Set(['properties', '$defs', 'definitions', 'patternProperties'])

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
