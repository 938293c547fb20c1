/** Shop tasks that ask for an answer: read a price, sort a category, filter results, read reviews and orders. */
import { answered, answerIs, at, click, ended, exit, search, select, typeIn } from '../../authoring.ts'
import type { Milestone, OracleView, Template, World } from '../../kit.ts'
import { PAGE_SIZE } from '../../layout.tsx'
import { CATEGORIES, ordersOf, productNamed, type Product, sortProducts, storeOf } from '../store.ts'
import { find, listed, onProduct, opened, productOf, toOrder } from './parts.ts'

const says = (
  answer: (world: World, params: Record<string, string | number>) => string | number,
): Milestone => ({
  text: 'The right answer is given',
  reached: (view) => answered(view, answer(view.world, view.params)),
})

export const price: Template = {
  id: 'shop/price',
  sites: ['shop'],
  draw: (world, rng) => ({ product: rng.pick(storeOf(world).products).name }),
  intent: ({ product }) => `What is the price of "${product}"?`,
  evaluate: (world, params) => answerIs(productOf(world, params).price),
  milestones: [
    listed,
    opened,
    {
      text: 'An answer is given from the page of "{product}"',
      reached: (view) => ended(view) && onProduct(view),
    },
    says((world, params) => productOf(world, params).price),
  ],
  expert: (world, params) => [...find(String(params.product)), exit(productOf(world, params).price)],
  slips: (world, params) => [
    { kind: 'wrong-field', actions: [...find(String(params.product)), exit(productOf(world, params).stock)] },
  ],
}

type Sort = 'price' | 'stock'

/** The category's products in the order a sort choice shows them. */
const sorted = (world: World, category: string | number | undefined, sort: Sort | 'name'): Product[] =>
  sortProducts(
    storeOf(world).products.filter((product) => product.category === category),
    sort,
  )

/** Product number `place` (from 1) of a category by price or stock. */
export const ranked: Template = {
  id: 'shop/ranked',
  sites: ['shop'],
  draw: (world, rng) => {
    const category = rng.pick(CATEGORIES)
    const sort = rng.pick(['price', 'stock'] as const)
    const place = 1 + rng.int(PAGE_SIZE)
    return { category, sort, place, product: nameAt(sorted(world, category, sort), place) }
  },
  intent: ({ category, sort, place }) => `Which product in "${category}" is number ${place} by "${sort}"?`,
  evaluate: (_, { product }) => answerIs(String(product)),
  milestones: [
    {
      text: 'The category "{category}" is open',
      reached: (view) => at(view, 'shop', new RegExp(`^/category/${view.params.category}`)),
    },
    { text: 'It is sorted by {sort}', reached: inOrder },
    { text: 'An answer is given from the sorted list', reached: (view) => ended(view) && inOrder(view) },
    says((_, { product }) => String(product)),
  ],
  expert: (_, { category, sort, product }) => [
    click(String(category)),
    select('sort', String(sort)),
    click('apply'),
    exit(String(product)),
  ],
  slips: (world, { category, sort, place, product }) => {
    const right = String(product)
    const other = sort === 'price' ? 'stock' : 'price'
    return [
      {
        kind: 'early-exit',
        actions: [click(String(category)), exit(wrongAt(sorted(world, category, 'name'), place, right))],
      },
      {
        kind: 'wrong-field',
        actions: [
          click(String(category)),
          select('sort', other),
          click('apply'),
          exit(wrongAt(sorted(world, category, other), place, right)),
        ],
      },
    ]
  },
}

const nameAt = (products: readonly Product[], place: string | number | undefined): string =>
  (products[Number(place) - 1] as Product).name

/** The product at `place`, or the one after it where that is right by chance. */
const wrongAt = (products: readonly Product[], place: string | number | undefined, right: string): string =>
  nameAt(products, place) === right ? nameAt(products, Number(place) + 1) : nameAt(products, place)

function inOrder(view: OracleView): boolean {
  return at(view, 'shop', new RegExp(`^/category/${view.params.category}\\?sort=${view.params.sort}`))
}

/** Products called "... lamp", by name. */
const withHead = (world: World, head: string | number | undefined): Product[] =>
  sortProducts(
    storeOf(world).products.filter((product) => product.name.endsWith(` ${head}`)),
    'name',
  )

export const below: Template = {
  id: 'shop/below',
  sites: ['shop'],
  draw: (world, rng) => {
    // A kind of thing whose cheapest is not the first by name, and a limit that leaves only that one.
    const heads = rng.shuffle([
      ...new Set(storeOf(world).products.map((product) => product.name.split(' ')[1] as string)),
    ])
    const several = heads.filter((head) => withHead(world, head).length > 1)
    const telling = (head: string) => {
      const found = withHead(world, head)
      return sortProducts(found, 'price')[0] !== found[0]
    }
    const head = several.find(telling) ?? several[0] ?? (heads[0] as string)
    const [first, second] = sortProducts(withHead(world, head), 'price')
    const low = (first as Product).price
    const limit = second ? Math.min(second.price, low + 1 + rng.int(9)) : low + 1
    return { head, limit, product: (first as Product).name }
  },
  intent: ({ head, limit }) => `Which "${head}" costs less than ${limit}?`,
  evaluate: (_, { product }) => answerIs(String(product)),
  milestones: [
    {
      text: 'The results for "{head}" are on the screen',
      reached: (view) => at(view, 'shop', new RegExp(`^/search\\?q=${view.params.head}`)),
    },
    {
      text: 'Only those below {limit} are left',
      reached: (view) => at(view, 'shop', new RegExp(`below=${view.params.limit}$`)),
    },
    {
      text: 'An answer is given from the filtered list',
      reached: (view) => ended(view) && at(view, 'shop', /below=\d+$/),
    },
    says((_, { product }) => String(product)),
  ],
  expert: (_, { head, limit, product }) => [
    search('search', String(head)),
    typeIn('below', limit as number),
    click('apply'),
    exit(String(product)),
  ],
  slips: (world, { head, product }) => [
    {
      kind: 'early-exit',
      actions: [
        search('search', String(head)),
        exit(withHead(world, head).find((found) => found.name !== product)?.name ?? 'nothing found'),
      ],
    },
  ],
}

const reviewsOf = (world: World, product: string | number | undefined) =>
  storeOf(world).reviews.filter((review) => review.product === product && review.status !== 'rejected')

export const reviewStars: Template = {
  id: 'shop/review-stars',
  sites: ['shop'],
  draw: (world, rng) => {
    const { product, author } = rng.pick(storeOf(world).reviews)
    return { product, author }
  },
  intent: ({ product, author }) => `How many stars did "${author}" give "${product}"?`,
  evaluate: (world, params) => answerIs(starsBy(world, params)),
  milestones: [
    opened,
    {
      text: 'The reviews of "{product}" are open',
      reached: (view) => onProduct(view) && at(view, 'shop', /reviews$/),
    },
    {
      text: 'An answer is given from the reviews',
      reached: (view) => ended(view) && at(view, 'shop', /reviews$/),
    },
    says(starsBy),
  ],
  expert: (world, params) => [
    ...find(String(params.product)),
    click('reviews'),
    exit(starsBy(world, params)),
  ],
  slips: (world, params) => [
    {
      kind: 'wrong-field',
      actions: [
        ...find(String(params.product)),
        click('reviews'),
        exit(reviewsOf(world, params.product).find((r) => r.author !== params.author)?.stars ?? 'none'),
      ],
    },
  ],
}

function starsBy(world: World, { product, author }: Record<string, string | number>): number {
  return reviewsOf(world, product).find((review) => review.author === author)?.stars ?? 0
}

export const orderTotal: Template = {
  id: 'shop/order-total',
  sites: ['shop'],
  draw: (world, rng) => {
    const own = ordersOf(storeOf(world), storeOf(world).shopper)
    return { order: rng.pick(own).number }
  },
  intent: ({ order }) => `What was the total of order ${order}?`,
  evaluate: (world, { order }) => answerIs(totalOf(world, order)),
  milestones: [
    { text: 'The orders are on the screen', reached: (view) => at(view, 'shop', /^\/orders/) },
    { text: 'Order {order} is open', reached: (view) => at(view, 'shop', `/orders/${view.params.order}`) },
    {
      text: 'An answer is given from order {order}',
      reached: (view) => ended(view) && at(view, 'shop', `/orders/${view.params.order}`),
    },
    says((world, { order }) => totalOf(world, order)),
  ],
  expert: (world, { order }) => [...toOrder(world, order), exit(totalOf(world, order))],
  slips: (world, { order }) => [
    { kind: 'wrong-field', actions: [...toOrder(world, order), exit(orderOf(world, order)?.town ?? 'none')] },
    { kind: 'early-exit', actions: [click('orders'), exit(orderOf(world, order)?.status ?? 'none')] },
  ],
}

const orderOf = (world: World, number: string | number | undefined) =>
  storeOf(world).orders.find((order) => order.number === number)

const totalOf = (world: World, number: string | number | undefined): number =>
  orderOf(world, number)?.total ?? 0

export const signInAndRead: Template = {
  id: 'shop/sign-in-status',
  sites: ['shop'],
  draw: (world, rng) => {
    const store = storeOf(world)
    const order = rng.pick(ordersOf(store, store.shopper).slice(0, 5)).number
    return { name: store.shopper, password: store.customers[0]?.password ?? '', order }
  },
  intent: ({ name, password, order }) =>
    `Sign in as "${name}" with password "${password}" and say the status of order ${order}.`,
  start: () => '/logout',
  evaluate: (world, { order }) => answerIs(orderOf(world, order)?.status ?? ''),
  milestones: [
    { text: '"{name}" is signed in', reached: (view) => view.world.session.get('shop') === view.params.name },
    {
      text: 'Order {order} is listed',
      reached: (view) =>
        at(view, 'shop', /^\/orders/) && view.page.html.includes(`/orders/${view.params.order}"`),
    },
    {
      text: 'An answer is given after signing in',
      reached: (view) => ended(view) && view.world.session.get('shop') === view.params.name,
    },
    says((world, { order }) => orderOf(world, order)?.status ?? ''),
  ],
  expert: (world, params) => [...signIn(params), exit(orderOf(world, params.order)?.status ?? '')],
  slips: (world, params) => [
    { kind: 'wrong-field', actions: [...signIn(params), exit(params.order as number)] },
    {
      kind: 'sibling-button',
      actions: [...signIn(params), exit(otherStatus(world, params.order))],
    },
  ],
}

const signIn = ({ name, password }: Record<string, string | number>) => [
  typeIn('name', String(name)),
  typeIn('password', String(password)),
  click('enter'),
]

/** The status in the row beside the asked one: a reading error, wherever it differs. */
function otherStatus(world: World, number: string | number | undefined): string {
  const store = storeOf(world)
  const right = orderOf(world, number)?.status
  return ordersOf(store, store.shopper).find((order) => order.status !== right)?.status ?? 'none'
}

/** Asks for a product's price by way of an order: found only through two pages. */
export const boughtPrice: Template = {
  id: 'shop/bought-price',
  sites: ['shop'],
  novel: true,
  draw: (world, rng) => {
    const store = storeOf(world)
    const order = rng.pick(ordersOf(store, store.shopper))
    return { order: order.number, product: (order.lines[0] as { product: string }).product }
  },
  intent: ({ order }) => `What is the price today of the first product in order ${order}?`,
  evaluate: (world, { product }) => answerIs(productNamed(storeOf(world), String(product)).price),
  milestones: [
    { text: 'Order {order} is open', reached: (view) => at(view, 'shop', `/orders/${view.params.order}`) },
    opened,
    {
      text: 'An answer is given from the page of "{product}"',
      reached: (view) => ended(view) && onProduct(view),
    },
    says(productPrice),
  ],
  expert: (world, params) => [
    ...toOrder(world, params.order),
    click(String(params.product)),
    exit(productPrice(world, params)),
  ],
  slips: (world, params) => [
    {
      kind: 'wrong-field',
      actions: [
        ...toOrder(world, params.order),
        click(String(params.product)),
        exit(productNamed(storeOf(world), String(params.product)).stock),
      ],
    },
  ],
}

function productPrice(world: World, params: Record<string, string | number>): number {
  return productOf(world, params).price
}
