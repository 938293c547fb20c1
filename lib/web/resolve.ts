/**
 * The one place where an element reference becomes an element: a numeric id where ids are shown, else the visible
 * name, exact before case-insensitive, the first in document order when several share it.
 */
import type { ElementRef } from './action.ts'
import { fold } from './dom.ts'
import type { Addressing, ObservedElement } from './observation.ts'

export type Resolved = { element: ObservedElement } | { error: string }

export function resolveElement(
  elements: readonly ObservedElement[],
  reference: ElementRef,
  addressing: Addressing,
): Resolved {
  if (addressing === 'id' && /^\d+$/.test(reference.trim())) {
    const element = elements[Number(reference)]
    return element ? { element } : { error: `there is no element with id ${reference.trim()} on this page` }
  }
  const element = byName(elements, reference)
  return element ? { element } : { error: `there is no element called "${reference}" on this page` }
}

export function byName(elements: readonly ObservedElement[], reference: string): ObservedElement | undefined {
  const name = fold(reference)
  if (name === '') return undefined
  const lower = name.toLowerCase()
  return elements.find((e) => e.name === name) ?? elements.find((e) => e.name.toLowerCase() === lower)
}
