/** Supervised samples: the plain prompts, and those that say the milestone a demonstrator reaches next. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { embeddedBackend } from '../../lib/sites/backend.ts'
import { type Demonstration, demonstrate } from '../../lib/sites/demonstrations.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { buildSuite } from '../../lib/sites/suite.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { hindsightSubgoals, samplesOf } from '../../lib/train/samples.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'

const tokenizer = Tokenizer.load(fileURLToPath(new URL('../../lib/tokenizer/embedded', import.meta.url)))
const prompt = { style: 'compact', maxPromptTokens: 512 } as const

const demonstrations: Demonstration[] = []
for await (const demonstration of demonstrate({
  driver: inProcessDriver(embeddedBackend(embeddedWeb)),
  tasks: buildSuite({ templates: embeddedWeb.templates.values(), split: 'train', count: 60, seed: 3 }),
  addressing: 'name',
  rates: new Map([...embeddedWeb.templates.keys()].map((id) => [id, 0.5])),
  seed: 3,
})) {
  demonstrations.push(demonstration)
}

const textOf = ({ promptIds }: { promptIds: Int32Array }) => tokenizer.decode(promptIds)
const goalIn = (text: string) => /^goal: (.*)$/m.exec(text)?.[1]

test('in hindsight every step works towards the milestone that is reached next, and towards none after the last', () => {
  for (const { task, steps } of demonstrations) {
    const texts = task.task.embedded?.milestones ?? []
    const goals = hindsightSubgoals({ task, steps })
    expect(goals).toHaveLength(steps.length)
    for (const [t, goal] of goals.entries()) {
      const before = t === 0 ? texts.map(() => 0) : [...(steps[t - 1]?.reached ?? [])]
      const later = steps
        .slice(t)
        .find(({ reached }) => reached.some((bit, k) => bit === 1 && before[k] === 0))
      expect(goal).toBe(later && texts.find((_, k) => later.reached[k] === 1 && before[k] === 0))
    }
  }
  // Slips end without reaching the last milestone: some of their steps work towards nothing.
  expect(demonstrations.some((own) => !own.success && hindsightSubgoals(own).at(-1) === undefined)).toBe(true)
})

test('by default no prompt has a goal line; with share 1 every one that has a goal, and nothing else differs', () => {
  for (const demonstration of demonstrations.slice(0, 20)) {
    const plain = samplesOf(demonstration, tokenizer, prompt)
    const guided = samplesOf(demonstration, tokenizer, prompt, 1)
    const goals = hindsightSubgoals(demonstration)
    expect(plain.map(textOf).map(goalIn)).toEqual(goals.map(() => undefined))
    expect(guided.map(textOf).map(goalIn)).toEqual(goals)
    expect(guided.map(({ actionIds }) => actionIds)).toEqual(plain.map(({ actionIds }) => actionIds))
    const lines = (text: string) => text.split('\n').filter((line) => !line.startsWith('goal: '))
    const roomy = { ...prompt, maxPromptTokens: 4096 }
    expect(samplesOf(demonstration, tokenizer, roomy, 1).map(textOf).map(lines)).toEqual(
      samplesOf(demonstration, tokenizer, roomy).map(textOf).map(lines),
    )
  }
})

test('a share of the tasks, whole episodes at a time, grows with the setting', () => {
  const guided = (share: number) =>
    demonstrations.flatMap((own, i) => {
      const goals = samplesOf(own, tokenizer, prompt, share).map(textOf).map(goalIn)
      return goals.some((goal) => goal !== undefined) ? [i] : []
    })
  const [some, more] = [guided(0.3), guided(0.7)]
  expect(more).toEqual(expect.arrayContaining(some))
  expect(some.length / demonstrations.length).toBeGreaterThan(0.1)
  expect(more.length / demonstrations.length).toBeLessThan(0.9)
})
