/** The action grammar: canonical form, tolerance, and no input that throws. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Action } from '../../lib/web/action.ts'
import { formatAction, parseAction } from '../../lib/web/grammar.ts'

const text = fc.string({ unit: 'binary' })
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('click' as const, 'right_click' as const, 'hover' as const),
    element: text,
  }),
  fc.record({
    kind: fc.constantFrom('type' as const, 'search' as const, 'select' as const),
    element: text,
    argument: text,
  }),
  fc.record({
    kind: fc.constantFrom('type' as const, 'search' as const),
    element: text,
    argument: text,
    append: fc.constant(true as const),
  }),
  fc.record({ kind: fc.constant('press_key' as const), keys: text }),
  fc.record({ kind: fc.constant('goto' as const), url: text }),
  fc.record({ kind: fc.constantFrom('new_tab' as const, 'close_tab' as const) }),
  fc.record({
    kind: fc.constantFrom(
      'press_enter' as const,
      'scroll_up' as const,
      'scroll_down' as const,
      'wait' as const,
      'go_backward' as const,
      'go_forward' as const,
    ),
  }),
  fc.record({ kind: fc.constant('switch_tab' as const), argument: text }),
  fc.record({ kind: fc.constant('exit' as const), message: text }),
)

describe('properties', () => {
  test('every action survives being written and read', () => {
    fc.assert(
      fc.property(action, (a) => {
        expect(parseAction(formatAction(a))).toEqual(a)
      }),
      { numRuns: 500 },
    )
  })

  test('any text parses to something, without throwing, and its canonical form is a fixed point', () => {
    const noise = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(
          fc.constantFrom(
            'do(',
            'exit(',
            'action=',
            '"Click"',
            'element=',
            '"7"',
            ',',
            ')',
            '\\',
            "'",
            '\n',
            '#',
            ' ',
            '7',
          ),
        )
        .map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(noise, (raw) => {
        const parsed = parseAction(raw)
        if (parsed.kind !== 'invalid') expect(parseAction(formatAction(parsed))).toEqual(parsed)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('canonical forms', () => {
  test.each<[Action, string]>([
    [{ kind: 'click', element: 'red lamp' }, 'do(action="Click", element="red lamp")'],
    [
      { kind: 'type', element: '3', argument: 'say "hi"' },
      'do(action="Type", element="3", argument="say \\"hi\\"")',
    ],
    [
      { kind: 'select', element: 'sort', argument: 'price' },
      'do(action="Select Dropdown Option", element="sort", argument="price")',
    ],
    [
      { kind: 'type', element: '3', argument: 'x', append: true },
      'do(action="Type", element="3", argument="x", append=True)',
    ],
    [{ kind: 'press_enter' }, 'do(action="Press Enter")'],
    [{ kind: 'press_key', keys: 'Control+A' }, 'do(action="Press Key", argument="Control+A")'],
    [{ kind: 'goto', url: '/a' }, 'do(action="Go To", argument="/a")'],
    [{ kind: 'new_tab' }, 'do(action="New Tab")'],
    [{ kind: 'invalid', reason: 'a\nb' }, '# a b'],
    [{ kind: 'exit', message: '55' }, 'exit(message="55")'],
    [{ kind: 'go_backward' }, 'go_backward()'],
  ])('%j', (a, canonical) => expect(formatAction(a)).toBe(canonical))
})

describe('accepted', () => {
  test.each<[string, Action]>([
    ['# Element: the link\n# Note: go\ndo(action="Click", element="7")', { kind: 'click', element: '7' }],
    ['do(action="Click", element=7)', { kind: 'click', element: '7' }],
    ["do(action='click', element='7')", { kind: 'click', element: '7' }],
    ['do(action="Search", argument="x", element="3")', { kind: 'search', element: '3', argument: 'x' }],
    ['do(element="3", action="Type", argument="a\\nb",)', { kind: 'type', element: '3', argument: 'a\nb' }],
    ['```python\ngo_backward()\n```', { kind: 'go_backward' }],
    ['do(action="Go Forward")', { kind: 'go_forward' }],
    ['I think the answer is there. exit(message="N/A")', { kind: 'exit', message: 'N/A' }],
    ['do(action="Click", element="1")\ndo(action="Click", element="2")', { kind: 'click', element: '2' }],
    [
      'do(action="Type", argument="do(action=1)", element="2")',
      { kind: 'type', element: '2', argument: 'do(action=1)' },
    ],
    ['exit(message="say \\u00e9\\x41")', { kind: 'exit', message: 'say éA' }],
    ['do(action="Wait")', { kind: 'wait' }],
    ['exit(message="""a\nb""")', { kind: 'exit', message: 'a\nb' }],
    ["exit(message='a\nb')", { kind: 'exit', message: 'a\nb' }],
    ['exit(message="a" r"\\d")', { kind: 'exit', message: 'a\\d' }],
    ['exit(message="broken \\x4")', { kind: 'exit', message: 'broken \\x4' }],
    ['do(action="Click", element="7"); # done', { kind: 'click', element: '7' }],
    ['do(action="Right Click", element="7")', { kind: 'right_click', element: '7' }],
  ])('%s', (raw, expected) => expect(parseAction(raw)).toEqual(expected))
})

describe('refused with a reason', () => {
  test.each<[string, RegExp]>([
    ['', /received no text/],
    ['# only a comment', /received no text/],
    ['click 7', /expected one action/],
    ['do("Click", element="7")', /arguments by name/],
    ['do(element="7")', /needs an action/],
    ['do(action="Click")', /Click needs an element/],
    ['do(action="Type", element="3")', /Type needs an argument/],
    ['do(action="Fly", element="3")', /no action "Fly"/],
    ['exit()', /exit needs a message/],
    ['exit(message=None)', /exit needs a message/],
    ['do(action="Click", element=open("x"))', /quoted text/],
    ['do(action="Click", element="7") and more', /nothing after/],
    ['do(action="Click" element="7")', /","/],
    ['do(action="Click", element="7', /expected/],
    ['undo(action="Click", element="7")', /expected one action/],
  ])('%s', (raw, reason) => {
    const parsed = parseAction(raw)
    expect(parsed.kind).toBe('invalid')
    expect(parsed.kind === 'invalid' && parsed.reason).toMatch(reason)
  })
})

describe('long input takes time in proportion', () => {
  test.each([
    'do('.repeat(100_000),
    'do(a="'.repeat(50_000),
    `do(a="do(a='",b='${`do(a="',b='`.repeat(30_000)}`,
    `do(action="Wait")${' '.repeat(300_000)}x`,
    `do(${' '.repeat(300_000)}x`,
    `exit(message="${'\\'.repeat(300_001)}")`,
  ])('%#', (raw) => expect(parseAction(raw).kind).toBe('invalid'))
})
