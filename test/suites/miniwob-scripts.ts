/**
 * Scripted policies for MiniWoB++ tasks, written against the observation alone: what a capable agent would do, said
 * in actions. Each gets what is to be done, the page and the number of its turn, and says the next action.
 */
import type { Action } from '../../lib/web/action.ts'
import type { ObservedElement } from '../../lib/web/observation.ts'

export interface Turn {
  intent: string
  text: string
  elements: readonly ObservedElement[]
  /** From 0. */
  step: number
}
export type Script = (turn: Turn) => Action

const ref = (element: ObservedElement | undefined): string => String(element?.id ?? 'none')
const click = (element: ObservedElement | undefined): Action => ({ kind: 'click', element: ref(element) })
const type = (element: ObservedElement | undefined, argument: string): Action => ({
  kind: 'type',
  element: ref(element),
  argument,
})
const named = ({ elements }: Turn, name: string, kind?: ObservedElement['kind']) =>
  elements.find((one) => one.name === name && (kind === undefined || one.kind === kind))
const all = ({ elements }: Turn, ...kinds: ObservedElement['kind'][]) =>
  elements.filter((one) => kinds.includes(one.kind))
const button = (turn: Turn, name: string) => click(named(turn, name, 'button') ?? named(turn, name))
const group = (text: string, pattern: RegExp, index = 1): string => pattern.exec(text)?.[index] ?? ''
const quoted = (turn: Turn, nth = 0) => [...turn.intent.matchAll(/"([^"]*)"/g)][nth]?.[1] ?? ''

/** Types each text into the text fields in their order, then presses a button. */
const fillIn = (turn: Turn, texts: readonly string[], submit: string): Action => {
  const text = texts[turn.step]
  return text === undefined ? button(turn, submit) : type(all(turn, 'textbox')[turn.step], text)
}

/** Checks the boxes of these names, then submits. */
const checkBoxes = (turn: Turn): Action => {
  const wanted = group(turn.intent, /Select (.*) and click Submit/).split(', ')
  const open = all(turn, 'checkbox').find((box) => wanted.includes(box.name) && !box.checked)
  return open ? click(open) : button(turn, 'Submit')
}

/** The rows of a table of two columns. */
const rows = (text: string) =>
  new Map([...text.matchAll(/<td> (.*?) <\/td> <td> (.*?) <\/td>/g)].map((row) => [row[1], row[2] ?? '']))

/** Looks through tabs, one a turn, until the link is there. */
const searchTabs = (turn: Turn): Action => {
  const link = named(turn, quoted(turn))
  const tabs = turn.elements.filter((one) => one.tag === 'a')
  return click(link ?? tabs[(turn.step + 1) % Math.max(1, tabs.length)])
}

export const SCRIPTS: Readonly<Record<string, Script>> = {
  'click-test': (turn) => click(turn.elements[0]),
  'click-test-2': (turn) => button(turn, 'ONE'),
  'click-test-transfer': (turn) => button(turn, group(turn.intent, /button (\w+)\./)),
  'click-button': (turn) => button(turn, quoted(turn)),
  'click-button-sequence': (turn) => button(turn, turn.step === 0 ? 'ONE' : 'TWO'),
  'unicode-test': (turn) => button(turn, quoted(turn)),
  'click-link': (turn) => click(named(turn, quoted(turn))),
  'click-dialog': (turn) => button(turn, 'Close'),
  'click-dialog-2': (turn) => button(turn, quoted(turn) === 'x' ? 'Close' : quoted(turn)),
  'click-tab': (turn) => {
    const name = group(turn.intent, /Click on (.*)\./)
    return click(turn.elements.find((one) => one.name === name && one.tag === 'a') ?? named(turn, name))
  },
  'click-tab-2': searchTabs,
  'click-tab-2-medium': searchTabs,
  'click-option': (turn) => {
    const radio = named(turn, group(turn.intent, /Select (.*) and click Submit/), 'radio')
    return radio && !radio.checked ? click(radio) : button(turn, 'Submit')
  },
  'click-checkboxes': checkBoxes,
  'click-checkboxes-large': checkBoxes,
  'click-checkboxes-transfer': checkBoxes,
  'click-widget': (turn) => {
    const widget = quoted(turn)
    const tags: Record<string, (one: ObservedElement) => boolean> = {
      button: (one) => one.kind === 'button',
      checkbox: (one) => one.kind === 'checkbox',
      radio: (one) => one.kind === 'radio',
      textarea: (one) => one.tag === 'textarea',
      text: (one) => one.kind === 'textbox' && one.tag === 'input',
    }
    return click(turn.elements.find(tags[widget] ?? (() => false)))
  },
  'choose-list': (turn) =>
    turn.step === 0
      ? {
          kind: 'select',
          element: ref(all(turn, 'select')[0]),
          argument: group(turn.intent, /Select (.*) from the list/),
        }
      : button(turn, 'Submit'),
  'enter-text': (turn) => fillIn(turn, [quoted(turn)], 'Submit'),
  'enter-text-dynamic': (turn) => fillIn(turn, [quoted(turn)], 'Submit'),
  'enter-text-2': (turn) => {
    const upper = turn.intent.includes('upper')
    const text = quoted(turn)
    return fillIn(turn, [upper ? text.toUpperCase() : text.toLowerCase()], 'Submit')
  },
  'enter-password': (turn) => fillIn(turn, [quoted(turn), quoted(turn)], 'Submit'),
  'login-user': (turn) => fillIn(turn, [quoted(turn, 0), quoted(turn, 1)], 'Login'),
  'focus-text': (turn) => click(all(turn, 'textbox')[0]),
  'focus-text-2': (turn) =>
    click(all(turn, 'textbox')[Number(group(turn.intent, /(\d)(?:st|nd|rd|th)/)) - 1]),
  'read-table': (turn) =>
    fillIn(turn, [rows(turn.text).get(group(turn.intent, /value of (.*) into/)) ?? ''], 'Submit'),
  'read-table-2': (turn) => {
    const labels = [...turn.text.matchAll(/<label> (.*?): <\/label>/g)].map((label) => label[1])
    return fillIn(
      turn,
      labels.map((label) => rows(turn.text).get(label) ?? ''),
      'Submit',
    )
  },
  'simple-arithmetic': (turn) => {
    const [, a, sign, b] = /(-?\d+) ([-+x*]) (-?\d+) =/.exec(turn.text) ?? []
    const [x, y] = [Number(a), Number(b)]
    return fillIn(turn, [String(sign === '+' ? x + y : sign === '-' ? x - y : x * y)], 'Submit')
  },
  'simple-algebra': (turn) => {
    const [, left, sign, right, sum] = /(x|-?\d+) ([-+]) (x|-?\d+) = (-?\d+)/.exec(turn.text) ?? []
    const plus = sign === '+'
    const total = Number(sum)
    const x =
      left === 'x'
        ? plus
          ? total - Number(right)
          : total + Number(right)
        : plus
          ? total - Number(left)
          : Number(left) - total
    return fillIn(turn, [String(x)], 'Submit')
  },
  'buy-ticket': (turn) => {
    const hours = [...turn.text.matchAll(/<div> (\d+)h (\d+)m <\/div>/g)].map(
      ([, h, m]) => Number(h) * 60 + Number(m),
    )
    const buttons = all(turn, 'button')
    const prices = buttons.map((one) => Number(group(one.name, /\$(\d+)/)))
    const values = turn.intent.includes('duration') ? hours : prices
    const best = /cheapest|shortest/.test(turn.intent) ? Math.min(...values) : Math.max(...values)
    return click(buttons[values.indexOf(best)])
  },
  'text-transform': (turn) => {
    const letters = [...turn.text.matchAll(/<span> (\S+) <\/span>/g)].map((match) => match[1])
    return fillIn(turn, [letters.join('')], 'Submit')
  },
  'odd-or-even': (turn) => {
    const number = [...turn.text.matchAll(/<div> (-?\d+) <\/div>/g)][turn.step]?.[1]
    if (number === undefined) return button(turn, 'Submit')
    const name = Number(number) % 2 === 0 ? 'Even' : 'Odd'
    return click(turn.elements.filter((one) => one.name === name)[turn.step])
  },
}
