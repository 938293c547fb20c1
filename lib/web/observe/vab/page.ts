/**
 * Functions that run on the page to prepare VisualAgentBench's simplified HTML: they write what a serialised DOM
 * does not show (boxes, live values, direct text) into data-* attributes, and number what can be clicked. Each is
 * self-contained, since only its source reaches the page. Behaviour: VAB-WebArena-Lite/new/html_tools/scripts.
 */

/** Undoes the marks of the observation before, on the elements that were clickable in it and on no others. */
export function clearMarks(): void {
  const written = ['value', 'text', 'label', 'bbox', 'status', 'backend-node-id', 'label-id']
  for (const element of Array.from(document.getElementsByClassName('possible-clickable-element'))) {
    element.classList.remove('possible-clickable-element')
    for (const name of written) element.removeAttribute(`data-${name}`)
  }
}

/** Boxes in CSS pixels of the viewport, edges rounded one by one; an element without a box keeps an older one. */
export function writeState(): void {
  const elements = Array.from(document.querySelectorAll('*'))
  // All boxes before the first change, so that the page is laid out once.
  const rects = elements.map((element) => element.getClientRects()[0])
  for (const [index, element] of elements.entries()) {
    element.setAttribute('data-backend-node-id', String(index))
    const rect = rects[index]
    if (rect) {
      const [left, top] = [Math.round(rect.left), Math.round(rect.top)]
      const width = Math.round(rect.right) - left
      const height = Math.round(rect.bottom) - top
      element.setAttribute('data-bbox', `${left},${top},${width},${height}`)
    }
    if (element.hasChildNodes()) {
      const texts = Array.from(element.childNodes)
        .filter((node) => node.nodeType === Node.TEXT_NODE)
        .map((node) => (node.textContent ?? '').trim().replace(/\s{2,}/g, ' '))
      element.setAttribute('data-text', texts.filter((text) => text !== '').join(','))
    }
    if (element instanceof HTMLSelectElement) {
      const chosen = element.options[element.selectedIndex]
      element.setAttribute('data-value', element.value)
      element.setAttribute('data-text', chosen?.text ?? '')
      chosen?.setAttribute('data-status', 'selected')
    }
    if (element instanceof HTMLInputElement && element.getAttribute('type') === 'checkbox')
      element.setAttribute('data-status', element.checked ? 'checked' : 'not-checked')
  }
  for (const field of Array.from(document.querySelectorAll<HTMLInputElement>('input, textarea')))
    field.setAttribute('data-value', field.value)
}

/**
 * Marks what looks clickable and has at least one pixel of its own in the viewport; of such elements inside each
 * other, only the innermost.
 */
export function markClickable(): void {
  const root = document.documentElement
  const viewWidth = Math.max(root.clientWidth || 0, window.innerWidth || 0)
  const viewHeight = Math.max(root.clientHeight || 0, window.innerHeight || 0)
  const ROLES = [
    'button',
    'tab',
    'link',
    'checkbox',
    'menuitem',
    'menuitemcheckbox',
    'menuitemradio',
    'radio',
  ]
  const TAGS = ['input', 'textarea', 'select', 'button', 'a', 'iframe', 'video', 'object', 'embed', 'details']

  /** Square pixels of the boxes whose centre is the element's own, clipped to the viewport. */
  const area = (element: Element): number => {
    let sum = 0
    for (const box of Array.from(element.getClientRects())) {
      const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2)
      if (!hit || !element.contains(hit)) continue
      const width = Math.min(viewWidth, box.right) - Math.max(0, box.left)
      sum += width * (Math.min(viewHeight, box.bottom) - Math.max(0, box.top))
    }
    return sum
  }

  /** jsaction="EVENT:NAMESPACE.ACTION;...", where EVENT is click when left out. */
  const hasClickRule = (rules: string): boolean =>
    rules.split(';').some((rule) => {
      const parts = rule.trim().split(':')
      if (parts.length > 2) return false
      const event = parts.length === 1 ? 'click' : parts[0]
      const [namespace, action = '_'] = (parts[parts.length - 1] ?? '').trim().split('.')
      return event === 'click' && namespace !== 'none' && action !== '_'
    })

  const looksClickable = (element: Element): boolean => {
    const tag = element.tagName.toLowerCase()
    const attribute = (name: string) => element.getAttribute(name)
    const listens = (element as Partial<HTMLElement>).onclick
    if (listens !== null && listens !== undefined) return true
    if (window.getComputedStyle(element).cursor === 'pointer') return true
    if (tag === 'img' && attribute('usemap')) {
      const wanted = attribute('usemap')?.replace(/^#/, '')
      const maps = Array.from(document.querySelectorAll('map'))
      if (maps.some((map) => map.getAttribute('name') === wanted) && element.getClientRects().length > 0)
        return true
    }
    if (ROLES.includes(attribute('role')?.toLowerCase() ?? '')) return true
    if (['', 'contenteditable', 'true'].includes(attribute('contenteditable')?.toLowerCase() ?? 'no'))
      return true
    if (hasClickRule(attribute('jsaction') ?? '')) return true
    if (TAGS.includes(tag)) return true
    if (tag === 'label') {
      const control = (element as HTMLLabelElement).control as (HTMLElement & { disabled?: boolean }) | null
      if (control && !control.disabled) return true
    }
    if (tag === 'img' && ['zoom-in', 'zoom-out'].includes((element as HTMLElement).style.cursor)) return true
    if (attribute('class')?.toLowerCase().includes('button')) return true
    return Number.parseInt(attribute('tabindex') || '-1', 10) >= 0
  }

  const found = Array.from(document.querySelectorAll('*')).filter(
    (element) => looksClickable(element) && area(element) >= 1,
  )
  // In document order, whatever an element contains comes right after it.
  for (const [i, element] of found.entries()) {
    const next = found[i + 1]
    if (!next || !element.contains(next)) element.classList.add('possible-clickable-element')
  }
}

/** What the page says of a numbered element. */
export interface Labelled {
  id: number
  tag: string
  type: string
  role: string
  name: string
  value: string | null
  checked: boolean | null
  options: string[] | null
  /** Box as written by writeState, "left,top,width,height". */
  bbox: string | null
}

/** Numbers the marked elements from 0 in document order, and tells of each. */
export function numberClickable(): Labelled[] {
  const root = document.documentElement
  const viewWidth = Math.max(root.clientWidth || 0, window.innerWidth || 0)
  const viewHeight = Math.max(root.clientHeight || 0, window.innerHeight || 0)
  const out: Labelled[] = []
  for (const element of Array.from(document.querySelectorAll('.possible-clickable-element'))) {
    const box = element.getClientRects()[0]
    if (!box) continue
    const width = Math.min(viewWidth, box.right) - Math.max(0, box.left)
    const height = Math.min(viewHeight, box.bottom) - Math.max(0, box.top)
    if (width <= 0 && height <= 0) continue
    const id = out.length
    element.setAttribute('data-label-id', String(id))
    const field = element as Partial<HTMLInputElement & HTMLSelectElement>
    const tag = element.tagName.toLowerCase()
    const names = [
      element.getAttribute('aria-label'),
      field.labels?.[0]?.textContent,
      tag === 'select' || tag === 'textarea' ? '' : element.textContent,
      element.getAttribute('placeholder'),
      element.getAttribute('title'),
      element.getAttribute('alt'),
      tag === 'input' ? element.getAttribute('value') : '',
      element.getAttribute('name'),
    ]
    out.push({
      id,
      tag,
      type: tag === 'input' ? (element.getAttribute('type') ?? 'text').toLowerCase() : '',
      role: element.getAttribute('role') ?? '',
      name: (names.find((name) => name?.trim()) ?? '').trim().replace(/\s+/g, ' ').slice(0, 500),
      value: ['input', 'textarea', 'select'].includes(tag) ? String(field.value ?? '') : null,
      checked: ['checkbox', 'radio'].includes(field.type ?? '') ? field.checked === true : null,
      options: tag === 'select' ? Array.from(field.options ?? [], (option) => option.text) : null,
      bbox: element.getAttribute('data-bbox'),
    })
  }
  return out
}

/** The page as marked, and the size that visibility is measured against. */
export function readMarked(): { html: string; width: number; height: number } {
  return {
    html: document.documentElement.outerHTML,
    width: window.innerWidth,
    height: window.innerHeight,
  }
}
