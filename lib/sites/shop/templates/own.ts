/** Shop tasks about what belongs to the shopper: wishes, reviews, the account, cancelling an order. */
import { at, click, ended, exit, pagesShow, select, textIs, turnTo, typeIn } from '../../authoring.ts'
import type { Milestone, Params, Template, World } from '../../kit.ts'
import { PAGE_SIZE } from '../../layout.tsx'
import { ASPECTS, OPINIONS, pairs, TOWNS } from '../../lexicon.ts'
import { ordersOf, slug, sortProducts, storeOf } from '../store.ts'
import { find, listed, onProduct, opened, productOf, toOrder, unchanged } from './parts.ts'

/** From the front page through the category's pages of results. */
function browse(world: World, params: Params) {
  const { category } = productOf(world, params)
  const names = sortProducts(
    storeOf(world).products.filter((p) => p.category === category),
    'name',
  ).map((p) => p.name)
  return [
    click(category),
    ...turnTo(names.indexOf(String(params.product)), PAGE_SIZE),
    click(String(params.product)),
  ]
}

const wishRow = (product: string | number | undefined) => `a[href="/product/${slug(String(product))}"]`

const wished = (view: { world: World; params: Params }): boolean =>
  storeOf(view.world).wishes.includes(String(view.params.product))

export const wish: Template = {
  id: 'shop/wish',
  sites: ['shop'],
  draw: (world, rng) => {
    const store = storeOf(world)
    const product = rng.pick(store.products.filter((p) => !store.wishes.includes(p.name)))
    return { product: product.name, category: product.category }
  },
  intent: ({ product, category }) => `Add "${product}" from "${category}" to the wishes.`,
  evaluate: (world, { product }, origins) =>
    pagesShow([
      textIs(`${origins.shop}/wishes`, wishRow(product), String(product)),
      textIs(`${origins.shop}/wishes`, '#count', storeOf(world).wishes.length + 1),
      ...unchanged(origins, storeOf(world), ['cart', 'orders']),
    ]),
  milestones: [
    listed,
    opened,
    { text: '"{product}" is among the wishes', reached: wished },
    { text: 'The episode ends with the wish made', reached: (view) => ended(view) && wished(view) },
  ],
  expert: (world, params) => [...browse(world, params), click('add wish'), exit()],
  slips: (world, params) => [
    { kind: 'sibling-button', actions: [...browse(world, params), click('add to cart'), exit()] },
    { kind: 'early-exit', actions: [...browse(world, params), exit()] },
  ],
}

export const unwish: Template = {
  id: 'shop/unwish',
  sites: ['shop'],
  draw: (world, rng) => ({ product: rng.pick(storeOf(world).wishes) }),
  intent: ({ product }) => `Remove "${product}" from the wishes.`,
  evaluate: (world, { product }, origins) =>
    pagesShow([
      textIs(`${origins.shop}/wishes`, wishRow(product), ''),
      textIs(`${origins.shop}/wishes`, '#count', storeOf(world).wishes.length - 1),
      ...unchanged(origins, storeOf(world), ['cart', 'orders']),
    ]),
  milestones: [
    { text: 'The wishes are on the screen', reached: (view) => at(view, 'shop', '/wishes') },
    opened,
    { text: '"{product}" is no longer a wish', reached: (view) => !wished(view) },
    { text: 'The episode ends with the wish removed', reached: (view) => ended(view) && !wished(view) },
  ],
  expert: (_, { product }) => [click('wishes'), click(String(product)), click('remove wish'), exit()],
  slips: (_, { product }) => [
    {
      kind: 'sibling-button',
      actions: [click('wishes'), click(String(product)), click('add to cart'), exit()],
    },
    { kind: 'early-exit', actions: [click('wishes'), click(String(product)), exit()] },
  ],
}

/** The shopper's review of the product, as sent in this episode. */
const sent = ({ world, params }: { world: World; params: Params }) =>
  storeOf(world).reviews.find((r) => r.author === storeOf(world).shopper && r.product === params.product)

export const review: Template = {
  id: 'shop/review',
  sites: ['shop'],
  draw: (world, rng) => ({
    product: rng.pick(storeOf(world).products).name,
    title: rng.pick(pairs(OPINIONS, ASPECTS)),
    stars: 1 + rng.int(4),
  }),
  intent: ({ product, title, stars }) => `Review "${product}" with ${stars} stars and the title "${title}".`,
  evaluate: (world, { product, title, stars }, origins) => {
    const page = `${origins.shop}/product/${slug(String(product))}/reviews`
    return pagesShow([
      textIs(page, 'main li:first-child', `${title}${storeOf(world).shopper}${stars}`),
      ...unchanged(origins, storeOf(world), ['cart', 'orders', 'wishes']),
    ])
  },
  milestones: [
    opened,
    {
      text: 'The form for a new review is open',
      reached: (view) => onProduct(view) && at(view, 'shop', /reviews\/new$/),
    },
    { text: 'A review of "{product}" is sent', reached: (view) => sent(view) !== undefined },
    {
      text: 'The review has {stars} stars and the title "{title}"',
      reached: (view) =>
        ended(view) && sent(view)?.stars === view.params.stars && sent(view)?.title === view.params.title,
    },
  ],
  expert: (_, { product, title, stars }) => [
    ...find(String(product)),
    click('reviews'),
    click('write review'),
    select('stars', String(stars)),
    typeIn('title', String(title)),
    click('send'),
    exit(),
  ],
  slips: (_, { product, title, stars }) => [
    {
      kind: 'wrong-field',
      actions: [
        ...find(String(product)),
        click('reviews'),
        click('write review'),
        typeIn('title', String(title)),
        click('send'),
        exit(),
      ],
    },
    {
      kind: 'early-exit',
      actions: [
        ...find(String(product)),
        click('reviews'),
        click('write review'),
        select('stars', String(stars)),
        typeIn('title', String(title)),
        exit(),
      ],
    },
  ],
}

const home = ({ world }: { world: World }) => storeOf(world).customers[0]?.town

export const move: Template = {
  id: 'shop/move',
  sites: ['shop'],
  draw: (world, rng) => {
    const from = home({ world }) ?? ''
    return { from, town: rng.pick(TOWNS.filter((town) => town !== from)) }
  },
  intent: ({ town }) => `Change the town of the account to "${town}".`,
  evaluate: (world, { town }, origins) =>
    pagesShow([
      {
        url: `${origins.shop}/account`,
        locator: `document.querySelector('[name="town"]').value`,
        required_contents: { exact_match: String(town) },
      },
      ...unchanged(origins, storeOf(world), ['cart', 'orders', 'wishes']),
    ]),
  milestones: [
    { text: 'The account page is open', reached: (view) => at(view, 'shop', '/account') },
    {
      text: 'The town has been changed',
      reached: (view) => home(view) !== view.params.from,
    },
    { text: 'The town is "{town}"', reached: (view) => home(view) === view.params.town },
    {
      text: 'The episode ends with the new town',
      reached: (view) => ended(view) && home(view) === view.params.town,
    },
  ],
  expert: (_, { town }) => [click('account'), typeIn('town', String(town)), click('save'), exit()],
  slips: (_, { town }) => [
    { kind: 'early-exit', actions: [click('account'), typeIn('town', String(town)), exit()] },
    {
      kind: 'sibling-button',
      actions: [click('account'), typeIn('town', String(town)), click('sign out'), exit()],
    },
  ],
}

const status = (view: { world: World; params: Params }) =>
  storeOf(view.world).orders.find((order) => order.number === view.params.order)?.status

const orderOpen: Milestone = {
  text: 'Order {order} is open',
  reached: (view) => at(view, 'shop', new RegExp(`^/orders/${view.params.order}(/|$)`)),
}

export const cancel: Template = {
  id: 'shop/cancel',
  sites: ['shop'],
  draw: (world, rng) => {
    const store = storeOf(world)
    return {
      order: rng.pick(ordersOf(store, store.shopper).filter((order) => order.status === 'pending')).number,
    }
  },
  intent: ({ order }) => `Cancel order ${order}.`,
  evaluate: (world, { order }, origins) =>
    pagesShow([
      textIs(`${origins.shop}/orders/${order}`, '#status', 'cancelled'),
      ...unchanged(origins, storeOf(world), ['cart', 'orders', 'wishes']),
    ]),
  milestones: [
    orderOpen,
    {
      text: 'The shop asks to confirm',
      reached: (view) => at(view, 'shop', `/orders/${view.params.order}/cancel`),
    },
    { text: 'Order {order} is cancelled', reached: (view) => status(view) === 'cancelled' },
    {
      text: 'The episode ends with the order cancelled',
      reached: (view) => ended(view) && status(view) === 'cancelled',
    },
  ],
  expert: (world, { order }) => [...toOrder(world, order), click('cancel'), click('confirm'), exit()],
  slips: (world, { order }) => [
    { kind: 'sibling-button', actions: [...toOrder(world, order), click('cancel'), click('keep'), exit()] },
    { kind: 'early-exit', actions: [...toOrder(world, order), click('cancel'), exit()] },
  ],
}

/** Long and new: two changes of state in one task. */
export const wishToCart: Template = {
  id: 'shop/wish-to-cart',
  sites: ['shop'],
  novel: true,
  draw: (world, rng) => ({ product: rng.pick(storeOf(world).wishes) }),
  intent: ({ product }) => `Move "${product}" from the wishes to the cart.`,
  evaluate: (world, params, origins) =>
    pagesShow([
      textIs(`${origins.shop}/wishes`, wishRow(params.product), ''),
      textIs(`${origins.shop}/wishes`, '#count', storeOf(world).wishes.length - 1),
      textIs(`${origins.shop}/cart`, '#total', productOf(world, params).price),
      ...unchanged(origins, storeOf(world), ['orders']),
    ]),
  milestones: [
    opened,
    {
      text: '"{product}" is in the cart',
      reached: ({ world, params }) => storeOf(world).cart.some((line) => line.product === params.product),
    },
    { text: '"{product}" is no longer a wish', reached: (view) => !wished(view) },
    {
      text: 'The episode ends with both done',
      reached: (view) => ended(view) && !wished(view) && storeOf(view.world).cart.length === 1,
    },
  ],
  expert: (_, { product }) => [
    click('wishes'),
    click(String(product)),
    click('add to cart'),
    click('wishes'),
    click(String(product)),
    click('remove wish'),
    exit(),
  ],
  slips: (_, { product }) => [
    { kind: 'early-exit', actions: [click('wishes'), click(String(product)), click('add to cart'), exit()] },
  ],
}
