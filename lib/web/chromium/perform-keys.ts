/**
 * Keys for whatever has the focus. Names are Playwright's (https://playwright.dev/docs/api/class-keyboard), with
 * the common other words for them; what is no key is said before anything is pressed.
 */
import type { ActOutcome } from '../session.ts'
import type { Hands } from './hands.ts'
import { failed, OK } from './perform-common.ts'

const MODIFIERS = ['Alt', 'Control', 'ControlOrMeta', 'Meta', 'Shift'] as const

const NAMED = [
  ...MODIFIERS,
  ...[
    'ArrowDown',
    'ArrowLeft',
    'ArrowRight',
    'ArrowUp',
    'Backquote',
    'Backslash',
    'Backspace',
    'CapsLock',
    'Comma',
  ],
  ...[
    'ContextMenu',
    'Delete',
    'End',
    'Enter',
    'Equal',
    'Escape',
    'Home',
    'Insert',
    'Minus',
    'NumLock',
    'PageDown',
  ],
  ...['PageUp', 'Pause', 'Period', 'Quote', 'ScrollLock', 'Semicolon', 'Slash', 'Space', 'Tab'],
  ...Array.from({ length: 12 }, (_, i) => `F${i + 1}`),
]

const OTHER_WORDS: Readonly<Record<string, string>> = {
  cmd: 'Meta',
  command: 'Meta',
  ctrl: 'Control',
  del: 'Delete',
  down: 'ArrowDown',
  esc: 'Escape',
  left: 'ArrowLeft',
  option: 'Alt',
  pgdn: 'PageDown',
  pgup: 'PageUp',
  return: 'Enter',
  right: 'ArrowRight',
  spacebar: 'Space',
  up: 'ArrowUp',
  win: 'Meta',
}

const BY_NAME = new Map([
  ...NAMED.map((name) => [name.toLowerCase(), name] as const),
  ...Object.entries(OTHER_WORDS),
])

/** "ctrl+a" as "Control+A" in Playwright's words; a sentence where it is no combination of keys. */
export function keyCombination(text: string): { keys: string } | { error: string } {
  if (text === ' ') return { keys: 'Space' }
  const wanted = text.trim()
  // The last "+" of "Control++" is the key itself.
  const parts =
    wanted.length > 1 && wanted.endsWith('+') ? [...wanted.slice(0, -2).split('+'), '+'] : wanted.split('+')
  const names: string[] = []
  for (const part of wanted === '+' ? ['+'] : parts.filter((one, i) => one !== '' || i > 0)) {
    const one = part.trim()
    const name = [...one].length === 1 ? one : BY_NAME.get(one.toLowerCase())
    if (name === undefined) {
      return { error: `there is no key "${one}"; keys are named as in "Control+A", "ArrowDown" or "Escape"` }
    }
    names.push(name)
  }
  if (names.length === 0) return { error: 'expected the name of a key, such as "Escape", received no text' }
  const modifiers = names.slice(0, -1)
  const wrong = modifiers.find((name) => !(MODIFIERS as readonly string[]).includes(name))
  if (wrong !== undefined) {
    return { error: `"${wrong}" is not held down with other keys; only ${MODIFIERS.join(', ')} are` }
  }
  if (modifiers.length > 0 && !onKeyboard(names.at(-1) as string)) {
    return { error: `there is no key "${names.at(-1)}" that could be pressed together with others` }
  }
  // A page on this machine knows Control where one on a Mac knows Meta; the combination means the same.
  const held = modifiers.map((name) => (name === 'Meta' ? 'ControlOrMeta' : name))
  return { keys: [...held, names.at(-1) as string].join('+') }
}

const onKeyboard = (keys: string): boolean => /^[\x20-\x7e]+$/.test(keys)

export async function pressKeys(hands: Hands, text: string): Promise<ActOutcome> {
  const combination = keyCombination(text)
  if ('error' in combination) return failed(combination.error)
  const { keys } = combination
  if (keys === 'Enter') return pressEnter(hands)
  const { keyboard } = hands.page
  // Characters that no key of the layout has are put in as an input method would.
  await hands.within(`pressing ${keys}`, onKeyboard(keys) ? keyboard.press(keys) : keyboard.insertText(keys))
  return OK
}

/** Enter without a focus does nothing anywhere, so the agent is told instead. */
export async function pressEnter({ page, within }: Hands): Promise<ActOutcome> {
  const focused = page.evaluate(() => {
    const at = document.activeElement as HTMLElement | null
    return at !== null && at !== document.documentElement && (at !== document.body || at.isContentEditable)
  })
  if (!(await within('looking for the focus', focused))) {
    return failed('nothing has the focus; click or type first')
  }
  await within('pressing Enter', page.keyboard.press('Enter'))
  return OK
}
