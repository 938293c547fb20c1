/** Steps, questions and checks the shop's templates share. */
import { at, click, search, textIs, turnTo } from '../../authoring.ts'
import type { ProgramHtml } from '../../../tasks/task.ts'
import type { Action } from '../../../web/action.ts'
import type { Milestone, Origins, OracleView, Params, World } from '../../kit.ts'
import { PAGE_SIZE } from '../../layout.tsx'
import { ordersOf, productNamed, slug, type Store, storeOf } from '../store.ts'

/** Search from the front page and open the product. */
export const find = (product: string): Action[] => [search('search', product), click(product)]

/** The product the task is about. */
export const productOf = (world: World, params: Params) =>
  productNamed(storeOf(world), String(params.product))

/** Some page of the product: its own, its reviews. */
export const onProduct = (view: OracleView): boolean =>
  at(view, 'shop', new RegExp(`^/product/${slug(String(view.params.product))}(/|$)`))

export const listed: Milestone = {
  text: 'A list with "{product}" is on the screen',
  reached: (view) =>
    at(view, 'shop', /^\/(search|category)/) &&
    view.page.html.includes(`/product/${slug(String(view.params.product))}"`),
}

export const opened: Milestone = { text: 'The page of "{product}" is open', reached: onProduct }

export const inCart = (store: Store, product: string): number =>
  store.cart.find((line) => line.product === product)?.quantity ?? 0

/** Checks that what the task does not mention is as it was. `store` is that of a world nobody has touched. */
export function unchanged(
  origins: Origins,
  store: Store,
  what: readonly ('cart' | 'orders' | 'wishes')[],
): ProgramHtml[] {
  const texts = { cart: 0, orders: ordersOf(store, store.shopper).length, wishes: store.wishes.length }
  return what.map((name) =>
    textIs(`${origins.shop}/${name}`, name === 'cart' ? '#total' : '#count', texts[name]),
  )
}

/** The shopper's newest order. */
export const newest = (store: Store) => ordersOf(store, store.shopper)[0]

/** Number the next order will get: that of the untouched store's newest plus one, from 90 on. */
export const nextNumber = (store: Store): number =>
  Math.max(89, ...store.orders.map((order) => order.number)) + 1

/** From anywhere to one of the shopper's orders, through the pages of the list. */
export function toOrder(world: World, number: string | number | undefined): Action[] {
  const store = storeOf(world)
  const index = ordersOf(store, store.shopper).findIndex((order) => order.number === number)
  return [click('orders'), ...turnTo(index, PAGE_SIZE), click(number as number)]
}
