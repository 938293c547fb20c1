/** Milestones from a language model, as it is asked for them and as it is believed, and from the oracle. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { milestones as section } from '../../lib/config/sections/milestones.ts'
import { drawExamples, readExamples } from '../../lib/milestones/examples.ts'
import { modelGenerator, oracleGenerator, readGeneratePrompt } from '../../lib/milestones/generator.ts'
import { configuredChecker, configuredGenerator } from '../../lib/milestones/settings.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { taskFrom } from '../../lib/sites/suite.ts'
import { fakeModel, task, userText } from './kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'mira-milestones-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, content: string) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const four = { milestones: ['1. a page is open', '2) the form is open', 'it holds the  name', 'it is sent'] }
const page = { url: 'http://shop.example/', text: '<p>Kettles</p>', screenshot: Uint8Array.of(1) }

describe('from a language model', () => {
  test('the request holds task, page, picture, count and two examples of the site', async () => {
    const model = fakeModel(() => JSON.stringify(four))
    const { milestones, usage, seconds } = await modelGenerator(model).generate({ task, page })
    expect(milestones).toEqual(['a page is open', 'the form is open', 'it holds the name', 'it is sent'])
    expect([usage?.cost, seconds]).toEqual([0.001, 0.5])
    const [request] = model.seen as [(typeof model.seen)[0]]
    const text = userText(request)
    for (const part of [task.intent, page.url, page.text, 'exactly 4 milestones'])
      expect(text).toContain(part)
    const shown = readExamples().shopping?.filter((example) => text.includes(example.task))
    expect(shown).toHaveLength(2)
    expect(request.messages[0]?.content).toContainEqual({ type: 'image', png: page.screenshot })
    expect(request.schema).toMatchObject({ name: 'milestones' })
  })

  test('another number than asked for is asked again, and then an error', async () => {
    const replies = [{ milestones: ['only one'] }, four]
    const model = fakeModel(() => JSON.stringify(replies.shift()))
    expect((await modelGenerator(model).generate({ task })).milestones).toHaveLength(4)
    expect(userText(model.seen[1] as (typeof model.seen)[0])).toContain(
      'expected exactly 4 milestones, received 1',
    )
    const stubborn = fakeModel(() => JSON.stringify({ milestones: ['same', 'Same'] }))
    await expect(modelGenerator(stubborn, { count: 2 }).generate({ task })).rejects.toMatchObject({
      code: 'LLM_MALFORMED',
    })
  })

  test('K is 2 to 8', async () => {
    const model = fakeModel(() => JSON.stringify({ milestones: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] }))
    expect((await modelGenerator(model, { count: 8 }).generate({ task })).milestones).toHaveLength(8)
    for (const count of [1, 9, 2.5]) {
      expect(() => modelGenerator(model, { count })).toThrow(
        /milestones\.count: expected a whole number from 2 to 8/,
      )
    }
  })

  test('prompt and examples come from files where settings name them', async () => {
    const prompt = file('generate.md', 'Be brief.\n---\n{count} for {task} like {examples}')
    const examples = file('examples.json', JSON.stringify({ general: [{ task: 'T', milestones: ['m'] }] }))
    const model = fakeModel(() => JSON.stringify(four))
    await configuredGenerator(model, section.parse({ prompt, examples })).generate({ task })
    expect(model.seen[0]?.system).toBe('Be brief.')
    expect(userText(model.seen[0] as (typeof model.seen)[0])).toBe(`4 for ${task.intent} like Task: T\n1. m`)
    expect(() => readGeneratePrompt(file('bad.md', 's\n---\n{task}'))).toThrow(
      /expected \{count}, \{examples} in it/,
    )
    expect(() => readExamples(file('bad.json', '{"map": []}'))).toThrow(/bad\.json: map/)
    expect(() => readGeneratePrompt(join(folder, 'absent.md'))).toThrow(/expected a readable file/)
    expect(configuredChecker(model, section.parse({ batch: true })).name).toBe('fake/model')
  })
})

describe('examples', () => {
  const set = readExamples()
  test('the same for a seed, other ones or another order for another, none twice', () => {
    const draws = Array.from({ length: 12 }, (_, seed) =>
      drawExamples(set, ['gitlab', 'map'], { shots: 2, seed }),
    )
    expect(draws[3]).toEqual(drawExamples(set, ['gitlab', 'map'], { shots: 2, seed: 3 }))
    expect(new Set(draws.map((draw) => JSON.stringify(draw))).size).toBeGreaterThan(6)
    for (const draw of draws) {
      expect(new Set(draw).size).toBe(4)
      expect(draw.filter((example) => set.gitlab?.includes(example))).toHaveLength(2)
    }
    // Either site's examples may come first.
    expect(
      new Set(draws.map(([first]) => set.gitlab?.includes(first as NonNullable<typeof first>))).size,
    ).toBe(2)
  })
  test('embedded sites have the categories of their kind, unknown ones the general', () => {
    expect(drawExamples(set, ['code'], { shots: 9, seed: 0 })).toHaveLength(set.gitlab?.length ?? 0)
    expect(set.general).toContainEqual(drawExamples(set, ['intranet'], { shots: 1, seed: 0 })[0])
    expect(drawExamples({ map: set.map ?? [] }, ['intranet'], { shots: 2, seed: 0 })).toEqual([])
  })
})

test("the oracle gives the template's own milestones, and none to other tasks", async () => {
  const embedded = taskFrom(embeddedWeb.template('shop/buy-express'), 11).task
  const { milestones } = await oracleGenerator().generate({ task: embedded })
  expect(milestones).toEqual(embedded.embedded?.milestones)
  await expect(oracleGenerator().generate({ task })).rejects.toThrow(/expected a task of the embedded suite/)
})
