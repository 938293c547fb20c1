/** Back office tasks about orders: ship, cancel, correct the town, and reading where one goes. */
import { answered, answerIs, at, click, ended, exit, pagesShow, textIs, typeIn } from '../../authoring.ts'
import type { OracleView, Origins, Params, Template, World } from '../../kit.ts'
import { TOWNS } from '../../lexicon.ts'
import { ordersOf, storeOf } from '../../shop/store.ts'
import { earlyExit, siblingButton, wrongAnswer, wrongValue } from '../../slips.ts'
import {
  customerOpen,
  onOrder,
  openReviews,
  orderOf,
  orderOpen,
  section,
  statusCounts,
  toCustomer,
  toOrder,
} from './parts.ts'

const pending = (world: World) => storeOf(world).orders.filter((order) => order.status === 'pending')
const status = ({ world, params }: OracleView) => orderOf(world, params.order).status
const field = (origins: Origins, { order }: Params, id: string, text: string | number) =>
  textIs(`${origins.admin}/orders/${order}`, `#${id}`, text)
const reviewsKept = (origins: Origins, world: World) =>
  textIs(`${origins.admin}/reviews`, '#count', openReviews(world).length)

export const ship: Template = {
  id: 'admin/ship',
  sites: ['admin'],
  draw: (world, rng) => ({ order: rng.pick(pending(world)).number }),
  intent: ({ order }) => `Ship order ${order}.`,
  evaluate: (world, params, origins) =>
    pagesShow([
      field(origins, params, 'status', 'shipped'),
      ...statusCounts(origins, world, 'pending', 'shipped'),
      reviewsKept(origins, world),
    ]),
  milestones: [
    section('orders'),
    orderOpen,
    { text: 'Order {order} is shipped', reached: (view) => status(view) === 'shipped' },
    {
      text: 'The episode ends with order {order} shipped',
      reached: (view) => ended(view) && status(view) === 'shipped',
    },
  ],
  expert: (_, params) => [...toOrder(params), click('ship'), exit()],
  slips: (_, params) => [
    earlyExit([...toOrder(params), click('ship'), exit()]),
    { kind: 'sibling-button', actions: [...toOrder(params), click('cancel'), click('confirm'), exit()] },
  ],
}

const cancelSteps = (params: Params) => [...toOrder(params), click('cancel'), click('confirm'), exit()]

export const cancel: Template = {
  id: 'admin/cancel',
  sites: ['admin'],
  draw: (world, rng) => ({ order: rng.pick(pending(world)).number }),
  intent: ({ order }) => `Stop order ${order} before it is sent.`,
  evaluate: (world, params, origins) =>
    pagesShow([
      field(origins, params, 'status', 'cancelled'),
      ...statusCounts(origins, world, 'pending', 'cancelled'),
      reviewsKept(origins, world),
    ]),
  milestones: [
    section('orders'),
    orderOpen,
    {
      text: 'The back office asks to confirm',
      reached: (view) => at(view, 'admin', `/orders/${view.params.order}/cancel`),
    },
    { text: 'Order {order} is cancelled', reached: (view) => status(view) === 'cancelled' },
  ],
  expert: (_, params) => cancelSteps(params),
  slips: (_, params) => [
    siblingButton(cancelSteps(params), 'confirm', 'keep'),
    earlyExit(cancelSteps(params)),
  ],
}

const townSteps = (params: Params) => [
  ...toOrder(params),
  click('edit'),
  typeIn('town', String(params.town)),
  click('save'),
  exit(),
]
const town = ({ world, params }: OracleView) => orderOf(world, params.order).town

export const orderTown: Template = {
  id: 'admin/order-town',
  sites: ['admin'],
  draw: (world, rng) => {
    const order = rng.pick(storeOf(world).orders)
    return { order: order.number, town: rng.pick(TOWNS.filter((name) => name !== order.town)) }
  },
  intent: (params) => `Send order ${params.order} to "${params.town}".`,
  evaluate: (world, params, origins) =>
    pagesShow([
      field(origins, params, 'town', String(params.town)),
      field(origins, params, 'status', orderOf(world, params.order).status),
      ...statusCounts(origins, world),
      reviewsKept(origins, world),
    ]),
  milestones: [
    orderOpen,
    {
      text: 'Order {order} is being edited',
      reached: (view) => at(view, 'admin', `/orders/${view.params.order}/edit`),
    },
    { text: 'Order {order} goes to "{town}"', reached: (view) => town(view) === view.params.town },
    {
      text: 'The episode ends with the new town',
      reached: (view) => ended(view) && town(view) === view.params.town,
    },
  ],
  expert: (_, params) => townSteps(params),
  slips: (_, params) => [siblingButton(townSteps(params), 'save', 'back'), earlyExit(townSteps(params))],
}

export const orderGoesTo: Template = {
  id: 'admin/goes-to',
  sites: ['admin'],
  draw: (world, rng) => ({ order: rng.pick(storeOf(world).orders).number }),
  intent: ({ order }) => `To which town does order ${order} go?`,
  evaluate: (world, { order }) => answerIs(orderOf(world, order).town),
  milestones: [
    section('orders'),
    orderOpen,
    { text: 'An answer is given from order {order}', reached: (view) => ended(view) && onOrder(view) },
    { text: 'The right town is named', reached: (view) => answered(view, town(view)) },
  ],
  expert: (world, params) => [...toOrder(params), exit(orderOf(world, params.order).town)],
  slips: (world, params) => {
    const right = [...toOrder(params), exit()]
    const order = orderOf(world, params.order)
    return [wrongAnswer(right, order.customer), wrongAnswer(right, order.total)]
  },
}

/** The one pending order of a customer, for customers who have exactly one. */
const onlyPending = (world: World, customer: string | number | undefined) => {
  const own = ordersOf(storeOf(world), String(customer)).filter((order) => order.status === 'pending')
  return own.length === 1 ? own[0] : undefined
}

const shipForSteps = (params: Params) => [
  ...toCustomer(params),
  click('history'),
  click(params.order as number),
  click('ship'),
  exit(),
]

/** The order has to be found by way of its customer. */
export const shipFor: Template = {
  id: 'admin/ship-for',
  sites: ['admin'],
  draw: (world, rng) => {
    const { customers, shopper } = storeOf(world)
    const customer = rng.pick(
      customers.filter(({ name }) => name !== shopper && onlyPending(world, name)),
    ).name
    return { customer, order: onlyPending(world, customer)?.number ?? 0 }
  },
  intent: ({ customer }) => `Ship the pending order of "${customer}".`,
  evaluate: (world, params, origins) =>
    pagesShow([
      field(origins, params, 'status', 'shipped'),
      ...statusCounts(origins, world, 'pending', 'shipped'),
      reviewsKept(origins, world),
    ]),
  milestones: [
    customerOpen,
    {
      text: 'The orders of "{customer}" are listed',
      reached: (view) => at(view, 'admin', `/orders?q=${view.params.customer}`),
    },
    { text: 'Their pending order is open', reached: onOrder },
    { text: 'Their pending order is shipped', reached: (view) => status(view) === 'shipped' },
  ],
  expert: (_, params) => shipForSteps(params),
  slips: (_, params) => [
    earlyExit(shipForSteps(params)),
    {
      kind: 'sibling-button',
      actions: [...shipForSteps(params).slice(0, -2), click('cancel'), click('confirm'), exit()],
    },
  ],
}

const bothSteps = (params: Params) => [...townSteps(params).slice(0, -1), click('ship'), exit()]

/** Two changes of one order. */
export const sendAndShip: Template = {
  id: 'admin/send-and-ship',
  sites: ['admin'],
  novel: true,
  draw: (world, rng) => {
    const order = rng.pick(pending(world))
    return { order: order.number, town: rng.pick(TOWNS.filter((name) => name !== order.town)) }
  },
  intent: (params) => `Send order ${params.order} to "${params.town}" and ship it.`,
  evaluate: (world, params, origins) =>
    pagesShow([
      field(origins, params, 'town', String(params.town)),
      field(origins, params, 'status', 'shipped'),
      ...statusCounts(origins, world, 'pending', 'shipped'),
      reviewsKept(origins, world),
    ]),
  milestones: [
    orderOpen,
    {
      text: 'Order {order} is being edited',
      reached: (view) => at(view, 'admin', `/orders/${view.params.order}/edit`),
    },
    { text: 'Order {order} goes to "{town}"', reached: (view) => town(view) === view.params.town },
    {
      text: 'Order {order} is shipped there',
      reached: (view) => town(view) === view.params.town && status(view) === 'shipped',
    },
  ],
  expert: (_, params) => bothSteps(params),
  slips: (_, params) => [
    earlyExit(bothSteps(params)),
    wrongValue(bothSteps(params), 'town', TOWNS.find((name) => name !== params.town) ?? ''),
  ],
}
