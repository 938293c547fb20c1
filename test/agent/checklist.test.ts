/** SGO's pure parts: belief, revision, and what to aim at. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { believe, checklistText, done, newChecklist, revise } from '../../lib/agent/checklist.ts'
import { type RecentStep, type TargetOptions, targetOf } from '../../lib/agent/target.ts'

const list = newChecklist(['open', 'search', 'choose', 'buy'])
const bits = (text: string) => Uint8Array.from(text, Number)
const rule = { monotone: true, stepped: true }

describe('belief', () => {
  test('what was reached stays reached, and steps without anything new are counted', () => {
    const a = believe(list, bits('1000'), rule)
    const b = believe(a, bits('0000'), rule)
    const c = believe(b, bits('0010'), rule)
    expect([a, b, c].map(({ z, stall }) => [[...z].join(''), stall])).toEqual([
      ['1000', 0],
      ['1000', 1],
      ['1010', 0],
    ])
    expect([...list.z]).toEqual([0, 0, 0, 0])
  })

  test('not monotone, a milestone taken back and given again is no progress', () => {
    const rule = { monotone: false, stepped: true }
    const steps = ['1000', '0000', '1000', '1100'].map(bits)
    const stalls: number[] = []
    steps.reduce((own, z) => {
      const next = believe(own, z, rule)
      stalls.push(next.stall)
      return next
    }, list)
    expect(stalls).toEqual([0, 1, 2, 0])
  })

  test('verdicts on the first page are no step', () => {
    expect(believe(list, bits('0000'), { monotone: true, stepped: false }).stall).toBe(0)
  })

  test('z never falls and never exceeds what was said (any verdicts)', () => {
    const verdicts = fc.array(fc.array(fc.constantFrom(0, 1), { minLength: 4, maxLength: 4 }), {
      maxLength: 20,
    })
    fc.assert(
      fc.property(verdicts, (rows) => {
        let own = list
        for (const [t, row] of rows.entries()) {
          const next = believe(own, Uint8Array.from(row), rule)
          for (let k = 0; k < 4; k++) {
            expect(next.z[k]).toBe(rows.slice(0, t + 1).some((r) => r[k] === 1) ? 1 : 0)
          }
          expect(next.stall === 0).toBe(done(next) > done(own))
          own = next
        }
      }),
    )
  })

  test('a wrong number of verdicts is refused', () => {
    expect(() => believe(list, bits('101'), rule)).toThrow(/expected 4 verdicts, one per milestone, got 3/)
  })
})

test('a revised checklist keeps what is reached, in front, and begins to count anew', () => {
  const own = { ...believe(list, bits('1010'), rule), stall: 6 }
  const other = revise(own, ['go by the menu', 'pay'])
  expect(other).toMatchObject({
    milestones: ['open', 'choose', 'go by the menu', 'pay'],
    stall: 0,
    revisions: 1,
  })
  expect([...other.z]).toEqual([1, 1, 0, 0])
  expect(checklistText(other, 2)).toBe(
    '[x] 1. open\n[x] 2. choose\n[ ] 3. go by the menu   <- next\n[ ] 4. pay',
  )
})

describe('target', () => {
  const options: TargetOptions = {
    aim: 'first-undone',
    onStall: 'drop',
    repeats: 2,
    failures: 0,
    samePage: 0,
    unmoved: 0,
  }
  const step = (actionText: string, over: Partial<RecentStep> = {}): RecentStep => ({
    actionText,
    url: 'http://x/',
    pageText: actionText,
    ...over,
  })
  const at = (z: string, stall = 0) => ({ ...list, z: bits(z), ever: bits(z), stall })

  test('the first undone one, or the first behind the highest reached', () => {
    expect(targetOf(at('0010'), [], options)).toBe(0)
    expect(targetOf(at('0010'), [], { ...options, aim: 'after-highest' })).toBe(3)
    expect(targetOf(at('0111'), [], { ...options, aim: 'after-highest' })).toBe(0)
    expect(targetOf(at('1111'), [], options)).toBeUndefined()
    expect(targetOf(newChecklist([]), [], options)).toBeUndefined()
  })

  test.each([
    ['repeats', [step('a'), step('a')], [step('a'), step('b')]],
    [
      'failures',
      [step('a', { error: 'no' }), step('b', { error: 'no' })],
      [step('a', { error: 'no' }), step('b')],
    ],
    ['samePage', [step('a', { pageText: 'p' }), step('b', { pageText: 'p' })], [step('a'), step('b')]],
  ] as const)('%s: two in a row are a stall, and 0 is never one', (sign, stalled, moving) => {
    const only = { ...options, repeats: 0, [sign]: 2 }
    expect(targetOf(at('1000'), stalled, only)).toBeUndefined()
    expect(targetOf(at('1000'), stalled, { ...only, onStall: 'next' })).toBe(2)
    expect(targetOf(at('1000'), stalled, { ...only, onStall: 'keep' })).toBe(1)
    expect(targetOf(at('1000'), moving, only)).toBe(1)
    expect(targetOf(at('1000'), stalled.slice(1), only)).toBe(1)
    expect(targetOf(at('1000'), stalled, { ...only, [sign]: 0 })).toBe(1)
  })

  test('no milestone for long is a stall; next of the last is the last', () => {
    const only = { ...options, repeats: 0, unmoved: 3 }
    expect(targetOf(at('1000', 3), [step('a')], only)).toBeUndefined()
    expect(targetOf(at('1000', 2), [step('a')], only)).toBe(1)
    expect(targetOf(at('1110', 3), [step('a')], { ...only, onStall: 'next' })).toBe(3)
  })
})
