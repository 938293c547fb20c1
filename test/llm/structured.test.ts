// Values out of replies: where JSON hides, the one re-ask, what schemas are sent.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { jsonCandidates } from '../../lib/llm/find-json.ts'
import { fitsStrictMode, jsonSchemaOf, schemaInstruction } from '../../lib/llm/json-schema.ts'
import type { ModelReply, ModelRequest } from '../../lib/llm/model.ts'
import { askFor } from '../../lib/llm/structured.ts'
import { ask, failure, reply } from './kit.ts'

const checklist = z.strictObject({ subgoals: z.array(z.string()).min(2), note: z.string().optional() })
const good = { subgoals: ['open the forum', 'sort by top'] }

function scripted(...replies: (string | ModelReply)[]) {
  const requests: ModelRequest[] = []
  return {
    name: 'test/model',
    requests,
    async generate(request: ModelRequest) {
      requests.push(request)
      const next = replies.shift() ?? ''
      return typeof next === 'string' ? reply(next) : next
    },
  }
}

describe('askFor', () => {
  test.each([
    ['bare', JSON.stringify(good)],
    ['fenced', `\`\`\`json\n${JSON.stringify(good, null, 2)}\n\`\`\``],
    ['surrounded', `Here it is: ${JSON.stringify(good)} Anything else?`],
    ['after thoughts', `<think>{"subgoals": ["a", "b"]} or so</think>\n${JSON.stringify(good)}`],
    ['after a draft', `First try {"subgoals": []}, better:\n${JSON.stringify(good)}`],
    ['beside braces', `For a task {x} with [y: ${JSON.stringify(good)} }]`],
  ])('reads JSON that is %s', async (_, text) => {
    const model = scripted(text)
    const { value, usage } = await askFor(model, ask('Plan.'), checklist, { name: 'checklist' })
    expect(value).toEqual(good)
    expect(usage.inputTokens).toBe(10)
    expect(model.requests).toHaveLength(1)
    expect(model.requests[0]?.schema?.name).toBe('checklist')
  })

  test('shows the error once, keeps the conversation, and adds up what both took', async () => {
    const model = scripted('{"subgoals": ["only one"]}', JSON.stringify(good))
    const answer = await askFor(model, ask('Plan.', { temperature: 0 }), checklist, { name: 'checklist' })
    expect(answer.value).toEqual(good)
    expect(answer.usage).toEqual({ inputTokens: 20, outputTokens: 10, thinkingTokens: 0 })
    const again = model.requests[1] as ModelRequest
    expect(again).toMatchObject({ temperature: 0, schema: { name: 'checklist' } })
    expect(again.messages.map((m) => m.role)).toEqual(['user', 'assistant', 'user'])
    expect(again.messages[1]?.content).toBe('{"subgoals": ["only one"]}')
    expect(again.messages[2]?.content).toContain('subgoals')
  })

  test('twice wrong is an error with the head of the reply', async () => {
    const error = await failure(
      askFor(scripted('no idea', `still ${'none '.repeat(200)}`), ask('Plan.'), checklist, {
        name: 'checklist',
      }),
      'LLM_MALFORMED',
    )
    expect(error.message).toContain('expected checklist as JSON')
    expect(error.message).toContain('"still none none')
    expect(error.message.length).toBeLessThan(600)
  })

  test('empty and cut replies are re-asked with a turn that providers take', async () => {
    const model = scripted(reply('', { finish: 'length' }), JSON.stringify(good))
    await askFor(model, ask('Plan.'), checklist, { name: 'checklist' })
    const [, assistant, user] = model.requests[1]?.messages ?? []
    expect(assistant?.content).toBe('(no text)')
    expect(user?.content).toContain('cut at its longest length')
  })

  test('a refusal is not argued with', async () => {
    const model = scripted(reply('', { finish: 'refused' }))
    await failure(askFor(model, ask('Plan.'), checklist, { name: 'checklist' }), 'LLM_REFUSED')
    expect(model.requests).toHaveLength(1)
  })

  test('transforms and defaults are applied to the value, not asked of the model', async () => {
    const schema = z.object({
      done: z.enum(['yes', 'no']).transform((word) => word === 'yes'),
      why: z.string().default(''),
    })
    const model = scripted('{"done":"yes"}')
    const { value } = await askFor(model, ask('Done?'), schema, { name: 'verdict' })
    expect(value).toEqual({ done: true, why: '' })
    expect(model.requests[0]?.schema?.json).toMatchObject({
      properties: { done: { enum: ['yes', 'no'] } },
      required: ['done'],
    })
  })
})

describe('jsonCandidates', () => {
  const padding = fc.constantFrom(
    '',
    'So: ',
    'Note {a} and [b, "c ',
    'He said "x" }] ',
    '```\nnot json\n```\n',
    '\u2028',
  )
  test('finds any object in a fence or in prose around it', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        padding,
        padding,
        fc.boolean(),
        (value, before, after, fence) => {
          const json = JSON.stringify(value)
          // A fence ends at the first one inside, as everywhere.
          fc.pre(!json.includes('```') && !json.includes('</think>'))
          const text = `${before}${fence ? `\`\`\`json\n${json}\n\`\`\`` : json}${after}`
          expect(jsonCandidates(text)).toContainEqual(JSON.parse(json))
        },
      ),
    )
  })

  test('takes any text, and time in proportion to it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'{}[]",:\\`x1 \n') }),
        (text) => void jsonCandidates(text),
      ),
    )
    const hostile = [
      '{'.repeat(400_000),
      '['.repeat(200_000) + ']'.repeat(199_999),
      '{"'.repeat(200_000),
      '```'.repeat(100_001),
    ]
    for (const text of hostile) expect(jsonCandidates(text).length).toBe(0)
  })
})

describe('schemas', () => {
  test('are closed, without $schema, references inlined', () => {
    const point = z.object({ x: z.number(), y: z.number() })
    const json = jsonSchemaOf(z.object({ a: point, b: z.array(point), properties: z.string() }))
    const closed = {
      type: 'object',
      properties: { x: { type: 'number' }, y: { type: 'number' } },
      required: ['x', 'y'],
      additionalProperties: false,
    }
    expect(json).toEqual({
      type: 'object',
      properties: { a: closed, b: { type: 'array', items: closed }, properties: { type: 'string' } },
      required: ['a', 'b', 'properties'],
      additionalProperties: false,
    })
  })

  test.each<[z.ZodType, boolean]>([
    [z.object({ a: z.string(), b: z.array(z.object({ c: z.number() })) }), true],
    [z.object({ a: z.string().nullable() }), true],
    [z.object({ a: z.string().optional() }), false],
    [z.object({ a: z.object({ b: z.string().optional() }) }), false],
    [z.object({ a: z.record(z.string(), z.number()) }), false],
    [z.looseObject({ a: z.string() }), false],
    [z.array(z.string()), false],
  ])('strict mode %#', (schema, fits) => {
    expect(fitsStrictMode(jsonSchemaOf(schema))).toBe(fits)
  })

  test('the instruction holds the schema', () => {
    const text = schemaInstruction({ name: 'checklist', json: { type: 'object' } })
    expect(text).toContain('the checklist')
    expect(jsonCandidates(text)).toEqual([{ type: 'object' }])
  })
})
