/** WebArena's actions for prompted models: what the published parser reads, what it refuses, and hostile input. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Action } from '../../lib/web/action.ts'
import { parseWith } from '../../lib/web/grammar.ts'

const parse = (text: string): Action => parseWith('webarena', text)

describe('actions', () => {
  test.each<[string, Action]>([
    ['click [7]', { kind: 'click', element: '7' }],
    ['click [7] where [7] is link', { kind: 'click', element: '7' }],
    ['hover [12]', { kind: 'hover', element: '12' }],
    ['type [3] [red lamp]', { kind: 'search', element: '3', argument: 'red lamp', append: true }],
    ['type [3] [red lamp] [1]', { kind: 'search', element: '3', argument: 'red lamp', append: true }],
    ['type [3] [red lamp] [0]', { kind: 'type', element: '3', argument: 'red lamp', append: true }],
    ['type [3] [a [b] c] [0]', { kind: 'type', element: '3', argument: 'a [b] c', append: true }],
    [
      'type [3] [x] [press_enter_after=0] [0]',
      { kind: 'type', element: '3', argument: 'x] [press_enter_after=0', append: true },
    ],
    ['clear [3]', { kind: 'type', element: '3', argument: '' }],
    ['select [3] [July]', { kind: 'select', element: '3', argument: 'July' }],
    ['press [Meta+a]', { kind: 'press_key', keys: 'Meta+a' }],
    ['press [ctrl+enter]', { kind: 'press_key', keys: 'Control+Enter' }],
    ['scroll [down]', { kind: 'scroll_down' }],
    ['scroll [up]', { kind: 'scroll_up' }],
    ['scroll down', { kind: 'scroll_down' }],
    ['scroll [direction=up]', { kind: 'scroll_up' }],
    ['new_tab', { kind: 'new_tab' }],
    ['close_tab', { kind: 'close_tab' }],
    ['tab_focus [2]', { kind: 'switch_tab', argument: '2' }],
    ['goto [http://shop.test/a[1]]', { kind: 'goto', url: 'http://shop.test/a[1]' }],
    ['go_back', { kind: 'go_backward' }],
    ['go_forward', { kind: 'go_forward' }],
    ['stop [$279.49]', { kind: 'exit', message: '$279.49' }],
    ['stop [N/A]', { kind: 'exit', message: 'N/A' }],
    ['stop []', { kind: 'exit', message: '' }],
    ['stop', { kind: 'exit', message: '' }],
  ])('%s', (text, action) => expect(parse(text)).toEqual(action))
})

describe('where the action is', () => {
  test.each<[string, Action]>([
    [
      "Let's think step-by-step. In summary, the next action I will perform is ```click [1234]```",
      { kind: 'click', element: '1234' },
    ],
    ['```\nstop [5]\n```\nThat is all.', { kind: 'exit', message: '5' }],
    ['First ```click [1]``` and then ```click [2]```', { kind: 'click', element: '1' }],
    ['The page is long.\nscroll [down]\n', { kind: 'scroll_down' }],
    ['I will ```click [1]', { kind: 'invalid', reason: expect.any(String) as string }],
  ])('%j', (text, action) => expect(parse(text)).toEqual(action))
})

describe('refused with a reason', () => {
  test.each([
    ['', /received no text/],
    ['click 7', /click expects an id/],
    ['click [seven]', /click expects an id/],
    ['type [3]', /type expects an id and a text/],
    ['scroll [left]', /scroll expects a direction/],
    ['tab_focus [first]', /number of a tab/],
    ['goto []', /goto expects an address/],
    ['fly [7]', /no action "fly"/],
  ])('%j', (text, reason) => {
    expect(parse(text)).toEqual({ kind: 'invalid', reason: expect.stringMatching(reason) })
  })

  test('any text gives an action', () => {
    const noise = fc.array(
      fc.constantFrom('type ', '[', ']', '[1]', 'stop', '```', '\n', ' ', '7', 'scroll '),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          noise.map((parts) => parts.join('')),
        ),
        (text) => {
          expect(parse(text).kind).toMatch(/./)
        },
      ),
      { numRuns: 500 },
    )
  })

  test.each([
    [`type [1] ${'] ['.repeat(100_000)}`, 'invalid'],
    ['```'.repeat(100_000), 'invalid'],
    [`click ${'['.repeat(200_000)}`, 'invalid'],
    [`type [1] [${'] [1'.repeat(100_000)}`, 'search'],
    [`type [1] [${'] [1'.repeat(100_000)}]`, 'search'],
  ])('%#: long input', (text, kind) => expect(parse(text).kind).toBe(kind))
})
