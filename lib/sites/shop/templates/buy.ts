/** Shop tasks that fill the cart and order: add, buy with a shipping choice, buy several, order again. */
import { at, click, ended, exit, pagesShow, select, textIs, typeIn } from '../../authoring.ts'
import type { Template } from '../../kit.ts'
import { ordersOf, productNamed, slug, storeOf } from '../store.ts'
import { find, inCart, listed, newest, nextNumber, opened, productOf, unchanged } from './parts.ts'

export const addToCart: Template = {
  id: 'shop/add-to-cart',
  sites: ['shop'],
  draw: (world, rng) => ({ product: rng.pick(storeOf(world).products).name }),
  intent: ({ product }) => `Put "${product}" in the cart.`,
  evaluate: (world, params, origins) =>
    pagesShow([
      textIs(`${origins.shop}/cart`, 'main li a', String(params.product)),
      textIs(`${origins.shop}/cart`, '#total', productOf(world, params).price),
      ...unchanged(origins, storeOf(world), ['orders', 'wishes']),
    ]),
  milestones: [
    listed,
    opened,
    {
      text: 'The cart holds "{product}"',
      reached: (view) => inCart(storeOf(view.world), String(view.params.product)) > 0,
    },
    {
      text: 'The episode ends with one "{product}" in the cart',
      reached: (view) => ended(view) && inCart(storeOf(view.world), String(view.params.product)) === 1,
    },
  ],
  expert: (_, { product }) => [...find(String(product)), click('add to cart'), exit()],
  slips: (world, { product }) => [
    { kind: 'early-exit', actions: [...find(String(product)), exit()] },
    {
      kind: 'sibling-button',
      actions: [
        ...find(String(product)),
        click(storeOf(world).wishes.includes(String(product)) ? 'remove wish' : 'add wish'),
        exit(),
      ],
    },
  ],
}

export const buyExpress: Template = {
  id: 'shop/buy-express',
  sites: ['shop'],
  draw: (world, rng) => ({ product: rng.pick(storeOf(world).products).name }),
  intent: ({ product }) => `Order "${product}" with "express" shipping.`,
  evaluate: (world, params, origins) => {
    const order = `${origins.shop}/orders/${nextNumber(storeOf(world))}`
    return pagesShow([
      textIs(order, 'main li a', String(params.product)),
      textIs(order, '#total', productOf(world, params).price),
      textIs(order, '#shipping', 'express'),
      textIs(order, '#status', 'pending'),
      ...unchanged(origins, storeOf(world), ['cart', 'wishes']),
    ])
  },
  milestones: [
    opened,
    {
      text: 'The cart holds "{product}"',
      reached: (view) => inCart(storeOf(view.world), String(view.params.product)) > 0,
    },
    { text: 'The checkout page is open', reached: (view) => at(view, 'shop', '/checkout') },
    {
      text: 'An order of "{product}" with express shipping is placed',
      reached: (view) => {
        const order = newest(storeOf(view.world))
        return (
          order?.shipping === 'express' &&
          order.number >= 90 &&
          order.lines.some((l) => l.product === view.params.product)
        )
      },
    },
  ],
  expert: (_, { product }) => [
    ...find(String(product)),
    click('add to cart'),
    click('checkout'),
    select('shipping', 'express'),
    click('place order'),
    exit(),
  ],
  slips: (_, { product }) => [
    {
      kind: 'wrong-field',
      actions: [
        ...find(String(product)),
        click('add to cart'),
        click('checkout'),
        click('place order'),
        exit(),
      ],
    },
    {
      kind: 'early-exit',
      actions: [...find(String(product)), click('add to cart'), click('checkout'), exit()],
    },
  ],
}

export const buySeveral: Template = {
  id: 'shop/buy-several',
  sites: ['shop'],
  draw: (world, rng) => {
    const product = rng.pick(storeOf(world).products)
    return { product: product.name, quantity: 2 + rng.int(Math.min(8, product.stock - 1)) }
  },
  intent: ({ product, quantity }) => `Order ${quantity} pieces of "${product}".`,
  evaluate: (world, params, origins) => {
    const order = `${origins.shop}/orders/${nextNumber(storeOf(world))}`
    return pagesShow([
      textIs(order, 'main li a', String(params.product)),
      textIs(order, 'main li b', params.quantity as number),
      textIs(order, '#total', productOf(world, params).price * Number(params.quantity)),
      ...unchanged(origins, storeOf(world), ['cart', 'wishes']),
    ])
  },
  milestones: [
    opened,
    {
      text: 'The cart holds "{product}"',
      reached: (view) => inCart(storeOf(view.world), String(view.params.product)) > 0,
    },
    {
      text: 'The cart holds {quantity} pieces',
      reached: (view) => inCart(storeOf(view.world), String(view.params.product)) === view.params.quantity,
    },
    {
      text: 'An order of {quantity} pieces is placed',
      reached: (view) =>
        newest(storeOf(view.world))?.lines.some(
          (l) => l.product === view.params.product && l.quantity === view.params.quantity,
        ) === true && (newest(storeOf(view.world))?.number ?? 0) >= 90,
    },
  ],
  expert: (_, { product, quantity }) => [
    ...find(String(product)),
    click('add to cart'),
    click(String(product)),
    typeIn('quantity', quantity as number),
    click('update'),
    click('checkout'),
    click('place order'),
    exit(),
  ],
  slips: (_, { product, quantity }) => [
    {
      kind: 'early-exit',
      actions: [
        ...find(String(product)),
        click('add to cart'),
        click(String(product)),
        typeIn('quantity', quantity as number),
        click('update'),
        exit(),
      ],
    },
    {
      kind: 'wrong-field',
      actions: [
        ...find(String(product)),
        click('add to cart'),
        click('checkout'),
        click('place order'),
        exit(),
      ],
    },
  ],
}

export const buyAgain: Template = {
  id: 'shop/buy-again',
  sites: ['shop'],
  novel: true,
  draw: (world, rng) => ({
    order: rng.pick(ordersOf(storeOf(world), storeOf(world).shopper).slice(0, 5)).number,
  }),
  intent: ({ order }) => `Order again what you bought in order ${order}.`,
  evaluate: (world, params, origins) => {
    const store = storeOf(world)
    const lines = store.orders.find((o) => o.number === params.order)?.lines ?? []
    const total = lines.reduce(
      (sum, line) => sum + productNamed(store, line.product).price * line.quantity,
      0,
    )
    const order = `${origins.shop}/orders/${nextNumber(store)}`
    return pagesShow([
      textIs(order, '#total', total),
      ...lines.map((line) => textIs(order, `a[href="/product/${slug(line.product)}"]`, line.product)),
      ...unchanged(origins, store, ['cart', 'wishes']),
    ])
  },
  milestones: [
    { text: 'The orders are on the screen', reached: (view) => at(view, 'shop', /^\/orders(\?|$)/) },
    { text: 'Order {order} is open', reached: (view) => at(view, 'shop', `/orders/${view.params.order}`) },
    { text: 'Its goods are in the cart', reached: (view) => storeOf(view.world).cart.length > 0 },
    { text: 'A new order is placed', reached: (view) => (newest(storeOf(view.world))?.number ?? 0) >= 90 },
  ],
  expert: (_, { order }) => [
    click('orders'),
    click(order as number),
    click('buy again'),
    click('checkout'),
    click('place order'),
    exit(),
  ],
  slips: (_, { order }) => [
    { kind: 'early-exit', actions: [click('orders'), click(order as number), click('buy again'), exit()] },
  ],
}
