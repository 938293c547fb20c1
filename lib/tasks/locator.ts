/**
 * Reads what a program_html locator points at, from static HTML: the subset
 * document.querySelector('SELECTOR').outerText|innerText|textContent|value, and '' for the whole page.
 * No script is evaluated.
 */
import { selectOne } from 'css-select'
import { type AnyNode, type Element, isTag, isText } from 'domhandler'
import { getElementsByTagName, textContent } from 'domutils'
import { parse } from 'parse5'
import { adapter } from 'parse5-htmlparser2-tree-adapter'

/** The expression failed on the page: what it looks for is not there. */
export class LocatorError extends Error {
  readonly code: string = 'LOCATOR'
  override name = 'LocatorError'
}

/** The page cannot evaluate such an expression at all, which says nothing about what is on it. */
export class UnsupportedLocatorError extends LocatorError {
  override readonly code = 'UNSUPPORTED_LOCATOR'
  override name = 'UnsupportedLocatorError'
}

const FORM = /^document\.querySelector\((['"`])(.+)\1\)\.(outerText|innerText|textContent|value)$/s

const BLOCKS = new Set(
  'address article aside blockquote body br dd div dl dt fieldset footer form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section table tr ul'.split(
    ' ',
  ),
)
const UNSEEN = new Set(['head', 'script', 'style', 'template', 'noscript'])

/** A page that has been parsed once for any number of locators. */
export class LocatablePage {
  readonly html: string
  #document: ReturnType<typeof adapter.createDocument> | undefined

  constructor(html: string) {
    this.html = html
  }

  /** '' where nothing matches, as a failing expression gives. */
  read(locator: string): string {
    if (locator === '') return this.html
    const form = FORM.exec(locator.trim())
    if (!form) {
      throw new UnsupportedLocatorError(
        `locator expects '' or document.querySelector('...').innerText (or outerText, textContent, value), received ${locator}`,
      )
    }
    this.#document ??= parse(this.html, { treeAdapter: adapter })
    let found: Element | null
    try {
      found = selectOne<AnyNode, Element>(form[2] as string, this.#document)
    } catch (cause) {
      throw new UnsupportedLocatorError(`locator has a selector that does not parse: ${form[2]}`, { cause })
    }
    if (!found) return ''
    if (form[3] === 'textContent') return textContent(found)
    return form[3] === 'value' ? controlValue(found) : innerText(found)
  }
}

/** Rendered text without styles: blanks folded, one line break between blocks. */
function innerText(element: Element): string {
  let text = ''
  const walk = (node: AnyNode): void => {
    if (isText(node)) text += node.data.replace(/\s+/g, ' ')
    else if (isTag(node) && !UNSEEN.has(node.name) && !('hidden' in node.attribs)) {
      const block = BLOCKS.has(node.name)
      if (block) text += '\n'
      node.children.forEach(walk)
      if (block) text += '\n'
    }
  }
  element.children.forEach(walk)
  return text
    .replace(/ *\n[ \n]*/g, '\n')
    .replace(/ +/g, ' ')
    .trim()
}

function controlValue(element: Element): string {
  if (element.name === 'textarea') return textContent(element)
  if (element.name !== 'select') return element.attribs.value ?? ''
  const options = getElementsByTagName('option', element)
  const chosen = options.find((option) => 'selected' in option.attribs) ?? options[0]
  return chosen ? (chosen.attribs.value ?? textContent(chosen).trim()) : ''
}
