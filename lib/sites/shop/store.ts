/**
 * The store behind the shop and its back office: products, customers, orders, reviews, and the shopper's cart.
 * One state per world, kept under "shop"; the admin site reads and writes the same one.
 */
import type { Rng, World } from '../kit.ts'
import { ASPECTS, COLOURS, OPINIONS, PEOPLE, PROJECTS, pairs, THINGS, TOWNS } from '../lexicon.ts'

export const CATEGORIES = ['home', 'kitchen', 'garden', 'office'] as const
export type Category = (typeof CATEGORIES)[number]

export const ORDER_STATUSES = ['pending', 'shipped', 'delivered', 'cancelled'] as const
export type OrderStatus = (typeof ORDER_STATUSES)[number]

export interface Product {
  name: string
  slug: string
  category: Category
  /** Whole currency units, 10 to 99, different for every product of a new world. */
  price: number
  stock: number
}

export interface Customer {
  name: string
  town: string
  password: string
}

export interface OrderLine {
  product: string
  quantity: number
}

export interface Order {
  number: number
  customer: string
  town: string
  shipping: 'standard' | 'express'
  status: OrderStatus
  lines: OrderLine[]
  /** Fixed when the order was placed. */
  total: number
}

export interface Review {
  product: string
  author: string
  stars: number
  title: string
  status: 'pending' | 'approved' | 'rejected'
}

export interface Store {
  products: Product[]
  customers: Customer[]
  /** The customer this world's agent is; the first of `customers`. */
  shopper: string
  /** Newest first. */
  orders: Order[]
  reviews: Review[]
  cart: OrderLine[]
  wishes: string[]
}

export const slug = (name: string): string => name.replaceAll(' ', '-')

const PRODUCTS_PER_CATEGORY = 8
const OWN_ORDERS = 7
const OTHER_ORDERS = 14
const CUSTOMERS = 9

const NAMES = Object.fromEntries(
  CATEGORIES.map((category) => [category, pairs(COLOURS, THINGS[category])]),
) as Record<Category, string[]>
const TITLES = pairs(OPINIONS, ASPECTS)

function makeProducts(rng: Rng): Product[] {
  const prices = rng.shuffle(Array.from({ length: 90 }, (_, i) => i + 10))
  return CATEGORIES.flatMap((category, c) =>
    rng
      .shuffle(NAMES[category])
      .slice(0, PRODUCTS_PER_CATEGORY)
      .map((name, i) => {
        const price = prices[c * PRODUCTS_PER_CATEGORY + i] as number
        const stock = 2 + rng.int(30)
        return { name, slug: slug(name), category, price, stock: stock === price ? stock + 1 : stock }
      }),
  )
}

/** By position in the making: the shopper's first four, then the two of the first other customer. */
const FIXED_STATUS: Record<number, OrderStatus> = {
  0: 'pending',
  1: 'pending',
  2: 'shipped',
  3: 'delivered',
  [OWN_ORDERS]: 'pending',
  [OWN_ORDERS + CUSTOMERS - 1]: 'delivered',
}

function makeOrders(rng: Rng, products: readonly Product[], customers: readonly Customer[]): Order[] {
  const numbers = rng.shuffle(Array.from({ length: 75 }, (_, i) => i + 10))
  const orders = numbers.slice(0, OWN_ORDERS + OTHER_ORDERS).map((number, i): Order => {
    // The others take turns, so that everybody has ordered something.
    const turn = i - OWN_ORDERS
    const customer = turn < 0 ? customers[0] : customers[1 + (turn % (customers.length - 1))]
    const chosen = rng.shuffle(products).slice(0, 1 + rng.int(2))
    const lines = chosen.map((product) => ({ product: product.name, quantity: 1 + rng.int(2) }))
    return {
      number,
      customer: (customer as Customer).name,
      town: rng.pick(TOWNS),
      shipping: rng.pick(['standard', 'express'] as const),
      // Some statuses are fixed, so that every world has an order for every kind of task.
      status: FIXED_STATUS[i] ?? rng.pick(ORDER_STATUSES),
      lines,
      total: lines.reduce((sum, line, k) => sum + line.quantity * (chosen[k] as Product).price, 0),
    }
  })
  return orders.sort((a, b) => b.number - a.number)
}

function makeReviews(rng: Rng, products: readonly Product[], customers: readonly Customer[]): Review[] {
  return rng
    .shuffle(products)
    .slice(0, 14)
    .flatMap((product, i) => {
      const authors = rng.shuffle(customers.slice(1)).slice(0, 2 + (i % 2))
      const stars = rng.shuffle([1, 2, 3, 4, 5])
      return rng
        .shuffle(TITLES)
        .slice(0, authors.length)
        .map(
          (title, k): Review => ({
            product: product.name,
            author: (authors[k] as Customer).name,
            stars: stars[k] as number,
            title,
            // The last review of every second product waits for the moderator.
            status: k === 2 ? 'pending' : 'approved',
          }),
        )
    })
}

function makeStore(rng: Rng): Store {
  const names = rng.shuffle(PEOPLE).slice(0, CUSTOMERS)
  const customers = names.map((name) => ({ name, town: rng.pick(TOWNS), password: rng.pick(PROJECTS) }))
  const products = makeProducts(rng.fork('products'))
  return {
    products,
    customers,
    shopper: names[0] as string,
    orders: makeOrders(rng.fork('orders'), products, customers),
    reviews: makeReviews(rng.fork('reviews'), products, customers),
    cart: [],
    wishes: rng
      .shuffle(products)
      .slice(0, 3)
      .map((product) => product.name),
  }
}

export function storeOf(world: World): Store {
  return world.state('shop', makeStore)
}

/** The signed-in shopper; a new world is signed in, '' means signed out. */
export function shopperOf(world: World): string {
  return world.session.get('shop') ?? storeOf(world).shopper
}

export function productNamed(store: Store, name: string): Product {
  const product = store.products.find((p) => p.name === name)
  if (!product) throw new Error(`the store has no product "${name}"`)
  return product
}

export const ordersOf = (store: Store, customer: string): Order[] =>
  store.orders.filter((order) => order.customer === customer)

export const cartTotal = (store: Store): number =>
  store.cart.reduce((sum, line) => sum + line.quantity * productNamed(store, line.product).price, 0)

export function addToCart(store: Store, product: string, quantity = 1): void {
  const line = store.cart.find((l) => l.product === product)
  if (line) line.quantity += quantity
  else store.cart.push({ product, quantity })
}

/** Turns the cart into an order and takes the goods from stock; the cart is empty afterwards. */
export function placeOrder(store: Store, customer: string, town: string, shipping: Order['shipping']): Order {
  const order: Order = {
    number: Math.max(89, ...store.orders.map((o) => o.number)) + 1,
    customer,
    town,
    shipping,
    status: 'pending',
    lines: store.cart,
    total: cartTotal(store),
  }
  for (const line of order.lines) productNamed(store, line.product).stock -= line.quantity
  store.cart = []
  store.orders.unshift(order)
  return order
}

export type ProductSort = 'name' | 'price' | 'stock'

export function sortProducts(products: readonly Product[], sort: string | undefined): Product[] {
  const copy = products.slice()
  if (sort === 'price') return copy.sort((a, b) => a.price - b.price)
  if (sort === 'stock') return copy.sort((a, b) => a.stock - b.stock || a.name.localeCompare(b.name))
  return copy.sort((a, b) => a.name.localeCompare(b.name))
}
