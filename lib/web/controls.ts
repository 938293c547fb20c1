/**
 * What a user has done to a page's form controls since it loaded, and the entry list a form would submit
 * (HTML "constructing the entry list", without files).
 */
import type { Element } from 'domhandler'
import { findAll, getElementsByTagName } from 'domutils'
import { ancestor, fold, inputType, kindOf, textBelow } from './dom.ts'

export interface SelectOption {
  text: string
  value: string
}

/** Form state for reading, wherever it is kept. */
export interface ControlState {
  /** Current value of a text field or select (the selected option's value). */
  value(element: Element): string
  checked(element: Element): boolean
}

export class Controls implements ControlState {
  readonly #values = new Map<Element, string>()
  readonly #checked = new Map<Element, boolean>()

  /** Current value of a text field or select (the selected option's value). */
  value(element: Element): string {
    const changed = this.#values.get(element)
    if (changed !== undefined) return changed
    if (element.name === 'textarea') return textBelow(element.children).replace(/^\n/, '')
    if (element.name === 'select') {
      const options = optionElements(element)
      const chosen = options.find((option) => 'selected' in option.attribs) ?? options[0]
      return chosen ? optionOf(chosen).value : ''
    }
    return element.attribs.value ?? ''
  }

  setValue(element: Element, value: string): void {
    this.#values.set(element, value)
  }

  checked(element: Element): boolean {
    return this.#checked.get(element) ?? 'checked' in element.attribs
  }

  /** Ticks or unticks; a radio button also releases the others of its group. */
  setChecked(element: Element, checked: boolean): void {
    if (inputType(element) === 'radio') {
      const scope = ancestor(element, 'form') ?? ancestor(element, 'html')
      for (const other of scope ? getElementsByTagName('input', scope) : []) {
        if (inputType(other) === 'radio' && other.attribs.name === element.attribs.name)
          this.#checked.set(other, false)
      }
    }
    this.#checked.set(element, checked)
  }

  reset(form: Element): void {
    for (const control of controlsOf(form)) {
      this.#values.delete(control)
      this.#checked.delete(control)
    }
  }

  /** Name-value pairs in document order; `submitter` is the button that was pressed, if any. */
  entries(form: Element, submitter?: Element): [string, string][] {
    const out: [string, string][] = []
    for (const control of controlsOf(form)) {
      const { name } = control.attribs
      if (!name || 'disabled' in control.attribs) continue
      const type = control.name === 'input' ? inputType(control) : control.name
      if (type === 'checkbox' || type === 'radio') {
        if (this.checked(control)) out.push([name, control.attribs.value ?? 'on'])
      } else if (control.name === 'button' || kindOf(control) === 'button') {
        if (control === submitter) out.push([name, control.attribs.value ?? ''])
      } else if (type !== 'file' && (control.name !== 'select' || optionElements(control).length > 0)) {
        out.push([name, this.value(control)])
      }
    }
    return out
  }
}

const CONTROL_TAGS = new Set(['input', 'select', 'textarea', 'button'])

/** The controls a form owns: those inside it. */
function controlsOf(form: Element): Element[] {
  return findAll((element) => CONTROL_TAGS.has(element.name), form.children)
}

const optionElements = (select: Element): Element[] => getElementsByTagName('option', select)

export function optionOf(option: Element): SelectOption {
  const text = fold(textBelow(option.children))
  return { text, value: option.attribs.value ?? text }
}

export function optionsOf(select: Element): SelectOption[] {
  return optionElements(select).map(optionOf)
}

/** The button that pressing Enter in a form would press. */
export function defaultButton(form: Element): Element | undefined {
  return controlsOf(form).find(isSubmit)
}

export function isSubmit(element: Element): boolean {
  if (element.name === 'button') return (element.attribs.type ?? 'submit').toLowerCase() === 'submit'
  return element.name === 'input' && ['submit', 'image'].includes(inputType(element))
}
