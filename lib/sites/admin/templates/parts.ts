/** Steps, questions and checks the back office's templates share. */
import type { ProgramHtml } from '../../../tasks/task.ts'
import type { Action } from '../../../web/action.ts'
import { at, click, search, textIs } from '../../authoring.ts'
import type { Milestone, OracleView, Origins, Params, World } from '../../kit.ts'
import {
  ORDER_STATUSES,
  type Order,
  type OrderStatus,
  productNamed,
  slug,
  storeOf,
} from '../../shop/store.ts'

export const toOrder = ({ order }: Params): Action[] => [
  click('orders'),
  search('search', String(order)),
  click(order as number),
]
export const toProduct = ({ product }: Params): Action[] => [
  click('products'),
  search('search', String(product)),
  click(String(product)),
]
export const toCustomer = ({ customer }: Params): Action[] => [
  click('customers'),
  search('search', String(customer)),
  click(String(customer)),
]

export function orderOf(world: World, number: string | number | undefined): Order {
  const order = storeOf(world).orders.find((one) => one.number === number)
  if (!order) throw new Error(`the store has no order ${number}`)
  return order
}

export const productOf = (world: World, params: Params) =>
  productNamed(storeOf(world), String(params.product))

export const customerOf = (world: World, name: string | number | undefined) =>
  storeOf(world).customers.find((person) => person.name === name)

const under = (view: OracleView, path: string): boolean => at(view, 'admin', new RegExp(`^${path}(/|$)`))

export const onOrder = (view: OracleView): boolean => under(view, `/orders/${view.params.order}`)
export const onProduct = (view: OracleView): boolean =>
  under(view, `/products/${slug(String(view.params.product))}`)
export const onCustomer = (view: OracleView): boolean => under(view, `/customers/${view.params.customer}`)

export const orderOpen: Milestone = { text: 'Order {order} is open', reached: onOrder }
export const productOpen: Milestone = { text: 'The page of "{product}" is open', reached: onProduct }
export const customerOpen: Milestone = { text: 'The page of "{customer}" is open', reached: onCustomer }

/** The page lists of one kind: the first step towards anything in it. */
export const section = (name: string): Milestone => ({
  text: `The ${name} are on the screen`,
  reached: (view) => at(view, 'admin', new RegExp(`^/${name}(\\?|$)`)),
})

/** How many orders there are of each status, after one of them went from `from` to `to`. */
export function statusCounts(
  origins: Origins,
  world: World,
  from?: OrderStatus,
  to?: OrderStatus,
): ProgramHtml[] {
  return ORDER_STATUSES.map((status) => {
    const before = storeOf(world).orders.filter((order) => order.status === status).length
    return textIs(
      `${origins.admin}/reports/status`,
      `#${status}`,
      before + Number(status === to) - Number(status === from),
    )
  })
}

/** Reviews that still wait for a verdict. */
export const openReviews = (world: World) =>
  storeOf(world).reviews.filter((review) => review.status === 'pending')

/** Untouched orders and reviews: what a task about products or customers must leave as it is. */
export const unchanged = (origins: Origins, world: World): ProgramHtml[] => [
  ...statusCounts(origins, world),
  textIs(`${origins.admin}/reviews`, '#count', openReviews(world).length),
]
