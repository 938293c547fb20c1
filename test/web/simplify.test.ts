/** Observations: both dialects, accessible names, code points. */
import { describe, expect, test } from 'vitest'
import { Controls } from '../../lib/web/controls.ts'
import { parseHtml } from '../../lib/web/dom.ts'
import type { Addressing } from '../../lib/web/observation.ts'
import { simplify } from '../../lib/web/simplify.ts'

const see = (html: string, addressing: Addressing) => simplify(parseHtml(html), new Controls(), addressing)
const text = (html: string, addressing: Addressing) => see(html, addressing).text

describe('compact dialect', () => {
  test.each([
    ['<nav><a href="/x"> red\n lamp </a></nav>', '<a>red lamp</a>'],
    ['<h1>shop</h1><p>price<b>55</b></p><p>a</p><p>b</p>', '<h1>shop</h1>price<b>55</b>a b'],
    ['<label>town<input name="t" value="dover"></label>', '<input value="dover">town</input>'],
    ['<label for="t">town</label><input id="t">', '<input>town</input>'],
    ['<input placeholder="find">', '<input>find</input>'],
    ['<input type="submit" value="send">', '<button>send</button>'],
    ['<textarea aria-label="note">\nhi</textarea>', '<input value="hi">note</input>'],
    ['<a href="/"><img alt="logo"></a>', '<a>logo</a>'],
    ['<a name="x">no link</a>', 'no link'],
    [
      '<script>bad()</script><p hidden>x</p><p aria-hidden="true">y</p><p style="display: none">z</p><input type="hidden">ok',
      'ok',
    ],
    ['<button disabled>off</button>', 'off'],
  ])('%s', (html, expected) => expect(text(html, 'name')).toBe(expected))
})

describe('id dialect', () => {
  test('ids count actionable elements in document order and wrappers that group are kept', () => {
    const { text: shown, elements } = see(
      '<title>no</title><nav><a href="/a">orders</a><a href="/b">cart</a></nav><div><div><p>one</p></div></div>' +
        '<label>sort<select name="s"><option>name</option><option selected>price</option></select></label>' +
        '<input type="checkbox" aria-label="gift" checked><input name="q" aria-label="search" value="x">',
      'id',
    )
    expect(shown).toBe(
      '<body> <nav> <a id="0"> orders </a> <a id="1"> cart </a> </nav> <p> one </p> <label> sort <select id="2"> ' +
        '<option> name </option> <option selected="true"> price </option> </select> </label> ' +
        '<input id="3" aria-label="gift" type="checkbox" checked="true"> </input> ' +
        '<input id="4" aria-label="search" value="x"> </input> </body>',
    )
    expect(elements.map((e) => [e.id, e.kind, e.name])).toEqual([
      [0, 'link', 'orders'],
      [1, 'link', 'cart'],
      [2, 'select', 'sort'],
      [3, 'checkbox', 'gift'],
      [4, 'textbox', 'search'],
    ])
    expect(elements[2]).toMatchObject({ value: 'price', options: ['name', 'price'] })
  })

  test('entities are decoded and text beyond the basic plane is kept', () => {
    expect(text('<p>a &amp; b &lt; &eacute; 😀</p>', 'id')).toBe('<p> a & b < é 😀 </p>')
  })
})
