/** The strict grammar: the published parser's recorded outcomes, Python's own ast as reference, and hostile input. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Action } from '../../lib/web/action.ts'
import { parseWith } from '../../lib/web/grammar.ts'

const golden = new URL('../../../shared/webarena/vab_action_parser.json', import.meta.url)
const reference = new URL('./grammar-vab.py', import.meta.url).pathname
const python = spawnSync('python3', ['--version']).status === 0

const parse = (text: string): Action => parseWith('vab', text)

/** An action in the fields the recording uses. */
function recorded(action: Action): Record<string, string> {
  switch (action.kind) {
    case 'invalid':
      return { error: action.crash ? 'crash' : 'parse_error' }
    case 'exit':
      return { action_type: 'STOP', answer: action.message }
    case 'click':
    case 'hover':
      return { action_type: action.kind.toUpperCase(), element_id: action.element }
    case 'type':
    case 'search':
      return {
        action_type: action.kind.toUpperCase(),
        element_id: action.element,
        text: action.argument,
      }
    case 'select':
      return {
        action_type: 'SELECT_DROPDOWN_OPTION',
        element_id: action.element,
        argument: action.argument,
      }
    case 'press_enter':
      return { action_type: 'KEY_PRESS', key_comb: 'Enter' }
    case 'scroll_up':
      return { action_type: 'SCROLL', direction: 'up' }
    case 'scroll_down':
      return { action_type: 'SCROLL', direction: 'down' }
    case 'go_backward':
      return { action_type: 'GO_BACK' }
    case 'go_forward':
      return { action_type: 'GO_FORWARD' }
    default:
      return { action_type: `unexpected ${action.kind}` }
  }
}

describe.skipIf(!existsSync(golden))('recorded outcomes (needs ../shared/webarena)', () => {
  const { cases } = existsSync(golden)
    ? (JSON.parse(readFileSync(golden, 'utf8')) as { cases: Record<string, string>[] })
    : { cases: [] }
  test.each(cases.map((one) => [one.input as string, one] as const))('%j', (input, { exception, ...one }) => {
    expect({ input, ...recorded(parse(input)) }).toEqual(one)
  })
})

/** An action in the form the Python reference writes. */
function asReference(action: Action): string | string[] {
  switch (action.kind) {
    case 'invalid':
      return action.crash ? 'crash' : 'parse_error'
    case 'exit':
      return ['exit', action.message]
    case 'click':
    case 'hover':
      return [action.kind, action.element]
    case 'type':
    case 'search':
      return [action.kind, action.element, action.argument]
    case 'select':
      return ['select dropdown option', action.element, action.argument]
    default:
      return [action.kind.replace('_', ' ')]
  }
}

const CASES = [
  'do',
  'exit',
  '(do)',
  'do()',
  'exit("x")',
  'exit(message="a" "b" \'c\')',
  'exit(message=r"a\\n" u"\\u00e9" "\\x41\\101\\q")',
  'exit(message="""a\nb""")',
  'exit(message="a\\\nb")',
  'exit(message=b"x")',
  'exit(message=f"x")',
  'exit(message="a" b"b")',
  'exit(message=("x"))',
  'exit(message=("x",))',
  'exit(message=["x", {"a": (1, -2.5e3, 1+2j)}])',
  'exit(message={[1]: 2})',
  'exit(message={1, {2}})',
  'exit(message=set())',
  'exit(message=--1)',
  'exit(message=-True)',
  'exit(message=x)',
  'exit(message="x", message="y")',
  'exit(message="x", other=1, element="9")',
  'exit(message="x", other=open("y"))',
  'exit(message="\\xzz")',
  'exit(message="\\400")',
  'exit(message="\\U00110000")',
  'do (action="Click", element="7")',
  '(do)(action="Click", element="7")',
  '((do (action="Click", element="7")))',
  'do\n(action="Click", element="7")',
  'do \\\n (action="Click", element="7")',
  'x.do (action="Click", element="7")',
  'do (action="Click", element="7").x',
  'do (action="Click", element="7") or x',
  'do (action="Click", element="7"), 1',
  'do(f(x)[1:2], *y, action="Click", element="7")',
  'do(lambda a, *b, c=1, **d: a if b else c, action="Click", element="7")',
  'do([x for x in y if z], {**a, "b": 1}, not a in b, action="Click", element="7")',
  'do(action="Click", element="7", *x)',
  'do(action="Click", element="7", 3)',
  'do(action="Click", **{"element": "7"})',
  'do(**k, *a, action="Click")',
  'do(x for x in y)',
  'do(action="Click", x for x in y)',
  'do(action := "Click")',
  'do(class="x", action="Click", element="7")',
  'do(match="x", action="Click", element="7",)',
  'do(action="Click", element="7",,)',
  'do(,action="Click", element="7")',
  'do(action="CLICK", element="7")',
  'do(action=" Click", element="7")',
  'do(action=b"Click", element="7")',
  'do(action=None, element="7")',
  'do(action=5)',
  'do(action="Click", element=find_element_by_instruction(instruction="the link"))',
  'do(action="Scroll Down", element=find_element_by_instruction(1, instruction=x))',
  'do(action="Scroll Down", element=find_element_by_instruction(1, other=x))',
  'do(action="Scroll Down", element=other(1))',
  'do(action="Scroll Down", argument=other(1))',
  'do(action="Type", element="1")',
  'do(action="Type", argument="x")',
  'do(\n  action="Type", # which\n  argument="x",\n\telement="1"\n)  # done\n\n# really\n',
  'do(action="Click", element="7");',
  'do(action="Click", element="7")\nThat is all.',
  'do(action="Click", element="7"))',
  'do(action="Click", element="7"',
  'do(action="Click" element="7")',
  'Click it.\ngo_backward()\ndo(action="Click", element="7")',
  'go_backward()',
  '# a\n  # b\n\ndo (action="Wait")',
  '# only',
  'Think.\n# Element: x\ndo (action="Press Enter")',
  'do(action="Search", argument="caf\u00e9 \ud83d\ude00 \\ud800", element="1")',
  'do(action="Search", argument="\ud800", element="1")',
  '\u00a0\x1cdo(action="Press Enter")\u2003\x85',
  '\ufeffdo (action="Press Enter")',
  'do(action="Press Enter")\ufeff',
  'do(\u00a0action="Press Enter")',
  'do(action="Press Enter", \uff45lement=1)',
  'ｄｏ (action="Press Enter")',
  'do(action="Press Enter", x=012)',
  'do(action="Press Enter", x=0_0, y=1_000.5e-1_0j, z=0xFF, w=1if 1else 2)',
  'do(action="Press Enter", x=1__0)',
  'do(action="Press Enter", x=...)',
  'do(action="Press Enter", x="a\rb")',
  'do(action="Press Enter",\r\n x="""a\rb""")',
  `do(action="Press Enter", x=${'['.repeat(199)}${']'.repeat(199)})`,
  `do(action="Press Enter", x=${'['.repeat(200)}${']'.repeat(200)})`,
]

function byPython(texts: string[]): unknown[] {
  const run = spawnSync('python3', [reference], { input: JSON.stringify(texts), encoding: 'utf8' })
  expect(run.stderr).toBe('')
  return JSON.parse(run.stdout) as unknown[]
}

describe.skipIf(!python)('agrees with Python (needs python3)', () => {
  test('on cases that were thought of', () => {
    const expected = byPython(CASES)
    expect(CASES.map((text) => [text, asReference(parse(text))])).toEqual(
      CASES.map((text, i) => [text, expected[i]]),
    )
  })

  test('on calls put together from pieces', () => {
    const pieces = fc.constantFrom(
      ...['do(', 'exit(', 'do (', 'action=', 'element=', 'argument=', 'message=', '"Click"', "'Type'", '"7"'],
      ...[
        '"""x',
        '"""',
        'r"\\',
        "b'x'",
        '"\\x4',
        '"',
        ',',
        ', ',
        ')',
        '(',
        '[',
        ']',
        '{',
        '}',
        ':',
        '=',
        '*',
      ],
      ...[
        '**',
        '-',
        '+',
        '1',
        '2j',
        '1.5',
        'None',
        'x',
        'x.y',
        ' if ',
        ' else ',
        ' for x in ',
        ' not ',
        ' in ',
      ],
      ...['#', '\n', '\\\n', ' ', ';', 'lambda ', '...', 'set()', 'go_backward(', '\\', ' or ', ':='],
    )
    const call = fc
      .tuple(
        fc.constantFrom('do(action="Click", element=', 'do(action="Scroll Up", x=', 'exit(message=', 'do('),
        fc.array(pieces, { maxLength: 6 }),
        fc.constantFrom(')', '', ', element="1")', ')\n'),
      )
      .map(([head, middle, tail]) => head + middle.join('') + tail)
    const noise = fc.array(pieces, { maxLength: 14 }).map((parts) => parts.join(''))
    const texts = fc.sample(fc.oneof({ arbitrary: call, weight: 3 }, noise), { numRuns: 6000, seed: 4 })
    const expected = byPython(texts)
    const differing = texts.flatMap((text, i) => {
      const ours = asReference(parse(text))
      return JSON.stringify(ours) === JSON.stringify(expected[i]) ? [] : [[text, ours, expected[i]]]
    })
    expect(differing).toEqual([])
  })
})

test('the default grammar takes whatever this one takes', () => {
  const taken = CASES.filter((text) => parse(text).kind !== 'invalid')
  expect(taken.length).toBeGreaterThan(25)
  for (const text of taken) expect([text, parseWith('mira', text)]).toEqual([text, parse(text)])
})

describe('hostile input', () => {
  test('any text gives an action', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const raw of [text, `do(${text}`, `exit(message="${text}")`, `do(action="${text}")`]) parse(raw)
      }),
      { numRuns: 1000 },
    )
  })

  test.each([
    ['('.repeat(200_000), 'parse_error'],
    [`do(${'-'.repeat(200_000)}1)`, 'parse_error'],
    [`do(${'not '.repeat(100_000)}1)`, 'parse_error'],
    [`do(x=${'lambda: '.repeat(50_000)}1)`, 'parse_error'],
    [`do(x=${'2**'.repeat(50_000)}2)`, 'parse_error'],
    ['do('.repeat(100_000), 'parse_error'],
    [`exit(message="${'\\'.repeat(200_001)}")`, 'parse_error'],
    [`${' '.repeat(200_000)}x${' '.repeat(200_000)}y`, 'parse_error'],
  ])('%#: long input is refused', (text, expected) => expect(asReference(parse(text))).toBe(expected))

  test('a long answer is read whole', () => {
    expect(parse(`exit(message="${'a\\n'.repeat(200_000)}")`)).toEqual({
      kind: 'exit',
      message: 'a\n'.repeat(200_000),
    })
  })
})
