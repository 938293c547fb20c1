/**
 * Twenty failures built by hand to mislead an analyser: loops of every short period, loops under text that changes,
 * finished work without an exit, exits at once, plausible wrong answers, crashes. Shares nothing with the analyser.
 */
import { embeddedWeb } from '../../../lib/sites/embedded.ts'
import { taskFrom } from '../../../lib/sites/suite.ts'
import type { Action } from '../../../lib/web/action.ts'
import type { Addressing } from '../../../lib/web/observation.ts'
import { type Conditions, expertOf, type Injected, type Letter, playOut } from './injected.ts'

const click = (element: string): Action => ({ kind: 'click', element })
const exit = (message: string): Action => ({ kind: 'exit', message })
const back: Action = { kind: 'go_backward' }

interface Trap {
  cause: string
  template: string
  seed: number
  class: Letter
  /** From 1. */
  step: number
  actions: (expert: Action[]) => Action[]
  conditions?: Partial<Conditions>
}

const repeat = (body: readonly Action[], times: number): Action[] =>
  Array.from({ length: times }, () => body).flat()

/** Links that every page of the shop has. */
const ROUND = ['cart', 'orders', 'wishes', 'account', 'shop'].map(click)

const WORDS =
  'amber basin cedar delta ember fjord grove heron inlet jetty knoll lagoon meadow nectar orchard pebble quarry ridge'.split(
    ' ',
  )

const TRAPS: Trap[] = [
  ...[1, 2, 3, 4, 5].map(
    (period): Trap => ({
      cause: `loop of period ${period}`,
      template: 'shop/buy-express',
      seed: 100 + period,
      class: 'B',
      step: 3,
      actions: (expert) => [...expert.slice(0, 2), ...repeat(ROUND.slice(0, period), Math.ceil(13 / period))],
    }),
  ),
  {
    cause: 'loop under a clock',
    template: 'shop/add-to-cart',
    seed: 7,
    class: 'B',
    step: 2,
    actions: (expert) => [...expert.slice(0, 1), ...repeat([click('cart'), click('shop')], 6)],
    conditions: { drift: (t) => ({ text: `<p>Tuesday, 12:0${t % 10}:4${t % 7} pm, ${t} minutes ago</p>` }) },
  },
  {
    cause: 'loop under a counter',
    template: 'forum/write-comment',
    seed: 8,
    class: 'B',
    step: 2,
    actions: (expert) => [...expert.slice(0, 1), ...repeat([click('no such link')], 8)],
    conditions: {
      drift: (t) => ({ text: `<b>${1000 + 17 * t} people are here, ${3 * t} new messages</b>` }),
    },
  },
  {
    cause: 'loop under rotating notices',
    template: 'shop/buy-several',
    seed: 9,
    class: 'B',
    step: 3,
    actions: (expert) => [
      ...expert.slice(0, 2),
      ...repeat([click('orders'), click('wishes'), click('shop')], 4),
    ],
    conditions: { drift: (t) => ({ text: `<i>tip: ${WORDS[t % 18]} ${WORDS[(5 * t + 3) % 18]}</i>` }) },
  },
  {
    cause: 'loop under session ids in the address',
    template: 'shop/buy-express',
    seed: 10,
    class: 'B',
    step: 3,
    actions: (expert) => [...expert.slice(0, 2), ...repeat([click('cart'), click('shop')], 6)],
    conditions: {
      drift: (t) => ({ query: `?sid=${(0xabc123 + 7919 * t).toString(16)}&t=${1700000000 + t}` }),
    },
  },
  {
    cause: 'right page, stopped before the exit',
    template: 'shop/buy-express',
    seed: 11,
    class: 'C',
    step: 7,
    actions: (expert) => expert.slice(0, -1),
    conditions: { addressing: 'id' },
  },
  {
    cause: 'right page, then only looking',
    template: 'shop/add-to-cart',
    seed: 12,
    class: 'C',
    step: 4,
    actions: (expert) => [
      ...expert.slice(0, -1),
      { kind: 'scroll_down' },
      { kind: 'wait' },
      { kind: 'scroll_up' },
    ],
  },
  {
    cause: 'right page, then elsewhere',
    template: 'shop/buy-several',
    seed: 13,
    class: 'C',
    step: 10,
    actions: (expert) => [...expert.slice(0, -1), click('wishes'), click('account'), click('home')],
  },
  {
    cause: 'immediate exit without a word',
    template: 'map/write-note',
    seed: 14,
    class: 'C',
    step: 1,
    actions: () => [exit('')],
  },
  {
    cause: 'exit after one distracted click',
    template: 'shop/buy-express',
    seed: 15,
    class: 'C',
    step: 1,
    actions: () => [click('forum'), exit('done')],
  },
  {
    cause: 'plausible wrong answer from the right page',
    template: 'shop/ranked',
    seed: 141188331,
    class: 'A',
    step: 3,
    actions: (expert) => [...expert.slice(0, -1), exit('blue bowl')],
  },
  {
    cause: 'plausible wrong answer from the wrong page',
    template: 'shop/below',
    seed: 350805985,
    class: 'A',
    step: 1,
    actions: (expert) => [...expert.slice(0, 1), exit('black bench')],
    conditions: { addressing: 'id' },
  },
  {
    cause: 'wrong answer after a loop that was left',
    template: 'shop/below',
    seed: 350805985,
    class: 'A',
    step: 7,
    actions: (expert) => [...expert.slice(0, 1), ...repeat([click('cart'), back], 3), exit('white bench')],
  },
  {
    cause: 'crash in the middle',
    template: 'shop/buy-express',
    seed: 16,
    class: 'D',
    step: 3,
    actions: (expert) => expert,
    conditions: { breaksAt: 3 },
  },
  {
    cause: 'crash in the middle of a loop',
    template: 'shop/buy-express',
    seed: 17,
    class: 'D',
    step: 9,
    actions: (expert) => [...expert.slice(0, 1), ...repeat([click('cart'), click('shop')], 6)],
    conditions: { breaksAt: 9 },
  },
  {
    cause: 'detour that came to nothing, then lost',
    template: 'shop/buy-several',
    seed: 18,
    class: 'D',
    step: 5,
    actions: (expert) => [
      ...expert.slice(0, 1),
      click('orders'),
      back,
      ...expert.slice(1, 2),
      ...['account', 'forum', 'home', 'gaming', 'top', 'code', 'home', 'map', 'account'].map(click),
    ],
  },
]

export async function traps(): Promise<Injected[]> {
  const built: Injected[] = []
  for (const [i, trap] of TRAPS.entries()) {
    const task = taskFrom(embeddedWeb.template(trap.template), trap.seed)
    const actions = trap.actions(expertOf(task))
    const conditions = {
      addressing: 'name' as Addressing,
      horizon: Math.min(15, actions.length),
      ...trap.conditions,
    }
    const episode = await playOut(task, (t) => actions[t], conditions, `trap-${i}`)
    if (episode.judgement.score >= 1) throw new Error(`the trap "${trap.cause}" succeeded`)
    built.push({ episode, cause: trap.cause, class: trap.class, step: trap.step })
  }
  return built
}
