/** The iterate-and-validate loop and the checking of kept episodes, with generators and checkers made for it. */
import { describe, expect, test } from 'vitest'
import type { Episode } from '../../lib/agent/episode.ts'
import { type Candidate, selectContext } from '../../lib/analysis/selection.ts'
import { checkTrace, pageAt } from '../../lib/analysis/trace-check.ts'
import type { MilestoneCheck, MilestoneChecker } from '../../lib/milestones/checker.ts'
import { task } from '../milestones/kit.ts'

/** An episode over pages named by words; the last word is an answer where it begins with "=". */
function episode(id: number, words: string[], success: boolean): Episode {
  const answer = words.at(-1)?.startsWith('=') ? words.at(-1)?.slice(1) : undefined
  const steps = words.map((word, i) => ({ actionText: `go ${word}`, url: `http://x/${i}`, pageText: word }))
  return {
    task: { ...task, task_id: id },
    steps,
    ...(answer === undefined ? {} : { answer }),
    judgement: { score: success ? 1 : 0, details: [] },
  } as unknown as Episode
}

/** A milestone holds while the page, or the answer, says its word. */
const wordChecker: MilestoneChecker = {
  async check({ milestones, observe, answer }) {
    const { text } = await observe()
    return Uint8Array.from(milestones, (word) => (text === word || answer === word ? 1 : 0))
  },
}

const candidate = (name: string, ...milestones: string[]): Candidate => ({
  name,
  generator: { name, generate: async () => ({ milestones, seconds: 0 }) },
})

describe('kept episodes', () => {
  test('after each action the page it led to; the answer with the last', async () => {
    const moments: MilestoneCheck[] = []
    const spy: MilestoneChecker = {
      async check(moment) {
        moments.push({ ...moment, actions: [...moment.actions] })
        return wordChecker.check(moment)
      },
    }
    const verdicts = await checkTrace(spy, episode(1, ['home', 'list', '=42'], true), ['list', '42'])
    expect(verdicts.map((row) => [...row])).toEqual([
      [1, 0],
      [0, 0],
      [0, 1],
    ])
    expect(moments.map(({ actions }) => actions.length)).toEqual([1, 2, 3])
    expect(moments.map(({ answer }) => answer)).toEqual([undefined, undefined, '42'])
    expect(moments.map(({ before }) => before && [...before])).toEqual([undefined, [1, 0], [1, 0]])
  })
  test('pages come with the picture that was kept beside them', async () => {
    const one = episode(1, ['home'], true)
    expect(await pageAt(one, 0)).toEqual({ url: 'http://x/0', text: 'home' })
    expect(await pageAt(one, 1)).toBeUndefined()
    const screenshot = Uint8Array.of(1)
    expect(await pageAt(one, 0, async () => screenshot)).toMatchObject({ text: 'home', screenshot })
  })
})

describe('selection', () => {
  const episodes = [
    episode(1, ['home', 'list', 'cart', '=done'], true),
    episode(1, ['home', 'list', 'list'], false),
    episode(2, ['home', 'help', 'help'], false),
    episode(3, ['home', 'list', 'cart', '=done'], true),
  ]
  test('keeps the context whose milestones follow success, and reports all', async () => {
    const seen: string[] = []
    const candidates = [candidate('vague', 'home', 'help'), candidate('good', 'list', 'cart')]
    const result = await selectContext(candidates, wordChecker, episodes, {
      onCandidate: ({ name }) => seen.push(name),
    })
    expect(result).toMatchObject({ best: 'good', criterion: 'auroc', episodes: 4, tasks: 3 })
    expect(seen).toEqual(['vague', 'good'])
    expect(result.candidates[1]).toMatchObject({ score: 1, validation: { exact: { f1: 1 } } })
    expect(result.candidates[0]?.score).toBeLessThan(1)
    expect(result.candidates[0]?.milestones).toEqual({
      1: ['home', 'help'],
      2: ['home', 'help'],
      3: ['home', 'help'],
    })
  })
  test('ties go to F1, then to the one tried first', async () => {
    // Both rank every success above every failure; only one says "all reached" of them.
    const tied = [candidate('misses', 'cart', 'never'), candidate('hits', 'cart', 'done')]
    expect((await selectContext(tied, wordChecker, episodes)).best).toBe('hits')
    const equal = [candidate('first', 'cart', 'done'), candidate('second', 'cart', 'done')]
    expect((await selectContext(equal, wordChecker, episodes)).best).toBe('first')
  })
  test('what cannot be scored is left out; nothing left is an error', async () => {
    const lost = episode(4, ['home'], true)
    lost.judgement.unscorable = 'no judge'
    const one = [candidate('only', 'list', 'cart')]
    expect((await selectContext(one, wordChecker, [...episodes, lost])).episodes).toBe(4)
    await expect(selectContext(one, wordChecker, [lost])).rejects.toThrow(
      /at least one that was played and scored/,
    )
    await expect(selectContext([], wordChecker, episodes)).rejects.toThrow(
      /candidates: expected at least one/,
    )
  })
  test('a failing generator ends it, a signal too', async () => {
    const broken = [
      { name: 'b', generator: { name: 'b', generate: async () => Promise.reject(new Error('no')) } },
    ]
    await expect(selectContext(broken, wordChecker, episodes)).rejects.toThrow('no')
    const signal = AbortSignal.abort(new Error('enough'))
    const stopped = selectContext([candidate('x', 'list', 'cart')], wordChecker, episodes, { signal })
    await expect(stopped).rejects.toThrow('enough')
  })
})
