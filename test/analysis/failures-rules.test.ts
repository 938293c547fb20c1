/** The analyser's rules one by one: loops, pages, actions, alignment, and what holds without a reference. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { actionKey, generalise, looseActionKey, valueNames } from '../../lib/analysis/failures/actions.ts'
import { align, divergence } from '../../lib/analysis/failures/align.ts'
import { diagnose } from '../../lib/analysis/failures/analyse.ts'
import type { FailureStep, FailureTrace } from '../../lib/analysis/failures/diagnosis.ts'
import { findLoop } from '../../lib/analysis/failures/loops.ts'
import { addressOf, samePage, signatureOf } from '../../lib/analysis/failures/pages.ts'
import { pathOf } from '../../lib/analysis/failures/path.ts'
import { DEFAULT_FAILURE_SETTINGS, failureSettings } from '../../lib/analysis/failures/settings.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { taskFrom } from '../../lib/sites/suite.ts'
import type { Action } from '../../lib/web/action.ts'
import { formatAction } from '../../lib/web/grammar.ts'

const settings = DEFAULT_FAILURE_SETTINGS
const { embedded: _, ...plainTask } = taskFrom(embeddedWeb.template('shop/add-to-cart'), 3).task

function step(action: Action, url: string, pageText = `<h1>${url}</h1>`): FailureStep {
  return { action, actionText: formatAction(action), url, pageText, reached: new Uint8Array(0) }
}
const click = (element: string): Action => ({ kind: 'click', element })

function trace(steps: FailureStep[], end: FailureTrace['end'] = 'horizon'): FailureTrace {
  const last = steps.at(-1)?.action
  const answer = last?.kind === 'exit' ? { answer: last.message } : {}
  return {
    id: 'e',
    task: plainTask,
    end: last?.kind === 'exit' ? 'exit' : end,
    ...answer,
    steps,
    judgement: { score: 0, details: ['fail string_match: nothing fits'] },
  }
}

describe('loops', () => {
  const symbols = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 })

  test('a cycle of any period up to the longest is found at its entry, behind any prefix', () => {
    fc.assert(
      fc.property(
        symbols,
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 3, max: 5 }),
        (prefix, period, times) => {
          const body = Array.from({ length: period }, (_, i) => 10 + i)
          const all = [
            ...prefix.map((s, i) => 100 + 10 * i + s),
            ...Array.from({ length: times }, () => body).flat(),
          ]
          const loop = findLoop({ states: all, actions: all.map(String) }, settings)
          expect(loop).toMatchObject({ start: prefix.length, period, repeats: times, end: all.length })
        },
      ),
    )
  })

  test('steps that never come back are no loop', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), (length) => {
        const all = Array.from({ length }, (_, i) => i)
        expect(findLoop({ states: all, actions: all.map(String) }, settings)).toBeUndefined()
      }),
    )
  })

  test('the same action on ever new pages is stuck only when it goes on for long', () => {
    const view = (n: number) => ({
      states: Array.from({ length: n }, (_, i) => i),
      actions: Array(n).fill('click next'),
    })
    expect(findLoop(view(4), settings)).toBeUndefined()
    expect(findLoop(view(5), settings)).toMatchObject({ rule: 'repeated-action', start: 0, repeats: 5 })
    expect(findLoop(view(4), { ...settings, identicalActions: 4 })).toBeDefined()
  })

  test('a loop that was left for longer than it lasted is history', () => {
    const all = [1, 2, 1, 2, 1, 2, ...Array.from({ length: 8 }, (_, i) => 10 + i)]
    expect(findLoop({ states: all, actions: all.map(String) }, settings)).toBeUndefined()
  })

  test('without a fixed round: nothing new for long', () => {
    const all = [9, 1, 2, 3, 1, 3, 2, 2, 3, 1, 1, 2, 3]
    const view = { states: all, actions: all.map(String) }
    expect(findLoop(view, settings)).toMatchObject({ rule: 'stagnation', start: 1 })
    expect(findLoop(view, { ...settings, stagnantSteps: 12 })).toBeUndefined()
  })
})

describe('pages', () => {
  const page = (url: string, pageText: string) => signatureOf({ url, pageText })

  test('an address without sessions and times, the same wherever an embedded site is served', () => {
    expect(addressOf('http://shop.test/cart?sid=1f&page=2')).toBe(
      addressOf('http://shop.localhost:4100/cart/?page=2'),
    )
    expect(addressOf('http://h:7770/a?t=1700000001')).toBe(addressOf('http://h:7770/a?t=5'))
    expect(addressOf('http://h/a?x=1&y=2')).toBe(addressOf('http://h/a?y=2&x=1'))
    expect(addressOf('http://h:7770/a')).not.toBe(addressOf('http://h:9999/a'))
    expect(addressOf('http://h/a#top')).toBe(addressOf('http://h/a'))
    expect(addressOf('http://h/#/a')).not.toBe(addressOf('http://h/#/b'))
    expect(addressOf('not an address')).toBe('not an address')
  })

  test('numbers, clocks and notices do not make another page, other contents do', () => {
    const text = (notice: string, list: string) =>
      `<p>${notice}</p><a>home</a><a>cart</a><button>go</button>${list}`
    const first = page('http://h/a', text('12:03 pm', '<a>red lamp</a><b>12</b><a>blue lamp</a><b>30</b>'))
    const later = page(
      'http://h/a',
      text('Monday 4:15, sale of the hour on pillows', '<a>red lamp</a><b>9</b><a>blue lamp</a>'),
    )
    const other = page(
      'http://h/a',
      text('12:03 pm', '<a>oak desk</a><a>steel shelf</a><a>stool</a><a>glass vitrine</a>'),
    )
    expect(samePage(first, later, settings.pageSimilarity)).toBe(true)
    expect(samePage(first, other, settings.pageSimilarity)).toBe(false)
    expect(samePage(first, { ...later, address: 'h/b', place: 'h/b' }, settings.pageSimilarity)).toBe(false)
  })

  test('a counter in the address is no other page, the next page of a list is', () => {
    const list = (names: string) => `<a>home</a><a>next</a>${names.replace(/\w+/g, '<a>$&</a>')}`
    const here = page('http://h/list?p=1', list('oak elm fir'))
    expect(samePage(here, page('http://h/list?p=17', list('oak elm fir')), 0.6)).toBe(true)
    expect(samePage(here, page('http://h/list?p=2', list('ash yew box')), 0.6)).toBe(false)
  })
})

describe('actions', () => {
  test('a number means the element that has it, in each observation', () => {
    const one = step(click('3'), 'http://h/', '<a id="3"><span>red</span> lamp</a>')
    const two = step(click('7'), 'http://h/', '<input id="3"><a class="x" id="7">Red lamp</a>')
    const tree = step(click('12'), 'http://h/', "[12] link 'red lamp'\n[13] link 'no'")
    expect(actionKey(one)).toBe('click red lamp')
    expect(actionKey(two)).toBe(actionKey(one))
    expect(actionKey(tree)).toBe(actionKey(one))
    expect(actionKey(step(click('91'), 'http://h/', '<a>91</a>'))).toBe('click 91')
  })

  test('counters in names are loose, numbers that are names are not', () => {
    expect(looseActionKey('click cart (3 items)')).toBe(looseActionKey('click cart (12 items)'))
    expect(looseActionKey('click 3')).not.toBe(looseActionKey('click 4'))
    expect(looseActionKey('type price 2 = 30')).toBe('type price # = 30')
  })

  test('values of a task by their names, the longest first', () => {
    const names = valueNames({ product: 'red lamp', colour: 'red', n: 3, deep: { a: 1 } })
    expect(generalise('click red lamp, then red = 3', names)).toBe('click {product}, then {colour} = {n}')
  })
})

describe('alignment', () => {
  const walk = (...places: [string, Action][]) =>
    pathOf(places.map(([url, action]) => step(action, `http://h/${url}`)))
  const solution = walk(
    ['', click('shop')],
    ['shop', click('lamps')],
    ['lamps', click('red lamp')],
    ['red', click('add')],
    ['red', { kind: 'exit', message: 'done' }],
  )
  const against = (path: ReturnType<typeof walk>) => divergence(path, solution, align(path, solution, 0.6))

  test('a path diverges nowhere from itself', () => {
    expect(against(solution)).toBe(5)
    expect(align(solution, solution, 0.6).pairs.map(({ step: t, reference }) => t - reference)).toEqual([
      0, 0, 0, 0, 0,
    ])
  })

  test('the first step off the way, and not what comes after it', () => {
    const off = walk(
      ['', click('shop')],
      ['shop', click('orders')],
      ['orders', click('account')],
      ['account', click('help')],
    )
    expect(against(off)).toBe(1)
    expect(against(walk(['', click('help')], ['help', click('about')]))).toBe(0)
  })

  test('a detour that leads back does no harm, nor does another way to the same page', () => {
    const detour = walk(
      ['', click('shop')],
      ['shop', click('orders')],
      ['orders', { kind: 'go_backward' }],
      ['shop', click('lamps')],
      ['lamps', click('red lamp')],
      ['red', click('wishes')],
      ['wishes', click('help')],
    )
    expect(against(detour)).toBe(5)
    const otherLink = walk(
      ['', click('shop')],
      ['shop', click('all lamps')],
      ['lamps', click('red lamp')],
      ['red', click('help')],
    )
    expect(against(otherLink)).toBe(3)
  })

  test('another text in the same field contradicts, although the way goes on', () => {
    const form = (value: string) =>
      walk(
        ['', click('form')],
        ['form', { kind: 'type', element: 'quantity', argument: value }],
        ['form', click('send')],
        ['sent', click('close')],
        ['closed', click('home')],
      )
    expect(divergence(form('5'), form('3'), align(form('5'), form('3'), 0.6))).toBe(1)
  })
})

describe('rules without anything to compare with', () => {
  const nothing = (t: FailureTrace) => diagnose(t, [], settings)
  const exit = (message: string): Action => ({ kind: 'exit', message })

  test('an exit after relevant work is a wrong termination, at the action before it', () => {
    const path = [
      step(click('shop'), 'http://h/'),
      step(click('cart'), 'http://h/shop'),
      step(exit('done'), 'http://h/cart'),
    ]
    expect(nothing(trace(path))).toMatchObject({ class: 'wrong-termination', keyStep: 2, basis: 'claim' })
  })

  test('an exit at once is a fail attempt, as far as the setting goes', () => {
    const path = [step(exit(''), 'http://h/')]
    expect(nothing(trace(path))).toMatchObject({ class: 'fail-attempt', rule: 'immediate-exit', keyStep: 1 })
    const strict = failureSettings.parse({ earlySteps: 0 })
    expect(diagnose(trace(path), [], strict)).toMatchObject({ class: 'wrong-termination', keyStep: 1 })
  })

  test('the environment comes first: its error, its error page, its dead browser', () => {
    const shop = step(click('shop'), 'http://h/')
    const broken = step(click('shop'), 'http://h/', '<h1>503 Service Unavailable</h1>')
    const dead = { ...shop, error: 'page.click: Target closed' }
    for (const t of [trace([shop], 'error'), trace([shop, broken, broken, broken]), trace([shop, dead])]) {
      expect(nothing(t)).toMatchObject({ class: 'others', rule: 'infrastructure' })
    }
    expect(nothing(trace([], 'error'))).toMatchObject({ class: 'others', keyStep: null })
    const essay = `<p>bad gateway ${'is an error of proxies. '.repeat(50)}</p>`
    expect(nothing(trace([step(click('a'), 'http://h/', essay)])).rule).toBe('unresolved')
  })

  test('a harness that stops an agent for repeating itself is believed where it did', () => {
    const same = Array.from({ length: 3 }, (_, i) =>
      step(click('7'), `http://h/${'abc'[i]}`, `<a id="7">same</a>`),
    )
    expect(nothing(trace(same, 'stuck'))).toMatchObject({
      class: 'stuck-midway',
      rule: 'repeated-action',
      keyStep: 1,
    })
    const names = ['oak', 'elm', 'fir'].map((name, i) =>
      step(click('7'), `http://h/${'abc'[i]}`, `<a id="7">${name}</a>`),
    )
    expect(nothing(trace(names, 'stuck'))).toMatchObject({
      class: 'others',
      rule: 'unresolved',
      keyStep: null,
    })
  })

  test('a loop is seen through the scrolling in between', () => {
    const [one, two] = [step(click('a'), 'http://h/x'), step(click('b'), 'http://h/y')]
    const scroll = step({ kind: 'scroll_down' }, 'http://h/y')
    const start = step(click('x'), 'http://h/')
    const path = [start, one, two, scroll, one, two, one, scroll, scroll, two, one, two]
    expect(nothing(trace(path))).toMatchObject({
      class: 'stuck-midway',
      keyStep: 2,
      loop: { period: 2, repeats: 4 },
    })
  })

  test('only texts that are no action: no attempt', () => {
    const garbage = ['a', 'b', 'c'].map((reason) => step({ kind: 'invalid', reason }, 'http://h/'))
    const told = garbage.map((own, i) => ({
      ...own,
      actionText: ['well', 'hm', 'so'][i] as string,
      error: 'no action',
    }))
    expect(nothing(trace(told, 'invalid'))).toMatchObject({ class: 'fail-attempt', rule: 'distracted-start' })
  })

  test('an environment that ends by itself takes the last action for the claim', () => {
    const path = [step(click('one'), 'http://h/'), step(click('submit'), 'http://h/')]
    expect(nothing(trace(path, 'environment'))).toMatchObject({ class: 'wrong-termination', keyStep: 2 })
  })

  test('the summary says how it ended, which check failed, and where', () => {
    const path = [
      step(click('shop'), 'http://h/'),
      step(click('cart'), 'http://h/shop'),
      step(exit('done'), 'http://h/cart'),
    ]
    const { summary } = nothing(trace(path))
    expect(summary).toContain('after 3 steps with "done"')
    expect(summary).toContain('Failed check: string_match: nothing fits.')
    expect(summary).toContain('Key step 2: do(action="Click", element="cart")')
  })
})
