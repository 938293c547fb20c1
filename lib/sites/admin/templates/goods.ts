/** Back office tasks about products, reviews and customers: prices, stock, moderation, records, reports. */
import {
  answered,
  answerIs,
  at,
  click,
  ended,
  exit,
  pagesShow,
  textIs,
  turnTo,
  typeIn,
} from '../../authoring.ts'
import type { OracleView, Params, Template, World } from '../../kit.ts'
import { PAGE_SIZE } from '../../layout.tsx'
import { TOWNS } from '../../lexicon.ts'
import {
  CATEGORIES,
  ORDER_STATUSES,
  ordersOf,
  type Review,
  slug,
  sortProducts,
  storeOf,
} from '../../shop/store.ts'
import { earlyExit, siblingButton, wrongAnswer } from '../../slips.ts'
import {
  customerOf,
  customerOpen,
  onCustomer,
  openReviews,
  productOf,
  productOpen,
  section,
  statusCounts,
  toCustomer,
  toProduct,
  unchanged,
} from './parts.ts'

/** Set one field of a product; the other one must stay. */
function setField(field: 'price' | 'stock', intent: (params: Params) => string): Template {
  const other = field === 'price' ? 'stock' : 'price'
  const steps = (params: Params, into: string) => [
    ...toProduct(params),
    click('edit'),
    typeIn(into, params.value as number),
    click('save'),
    exit(),
  ]
  const isSet = ({ world, params }: OracleView) => productOf(world, params)[field] === params.value
  return {
    id: `admin/set-${field}`,
    sites: ['admin'],
    draw: (world, rng) => {
      const product = rng.pick(storeOf(world).products)
      const values = Array.from({ length: 90 }, (_, i) => i + 10)
      return {
        product: product.name,
        value: rng.pick(values.filter((v) => v !== product.price && v !== product.stock)),
      }
    },
    intent,
    evaluate: (world, params, origins) => {
      const page = `${origins.admin}/products/${slug(String(params.product))}`
      return pagesShow([
        textIs(page, `#${field}`, params.value as number),
        textIs(page, `#${other}`, productOf(world, params)[other]),
        ...unchanged(origins, world),
      ])
    },
    milestones: [
      productOpen,
      {
        text: '"{product}" is being edited',
        reached: (view) => at(view, 'admin', `/products/${slug(String(view.params.product))}/edit`),
      },
      { text: `The ${field} is {value}`, reached: isSet },
      { text: `The episode ends with the new ${field}`, reached: (view) => ended(view) && isSet(view) },
    ],
    expert: (_, params) => steps(params, field),
    slips: (_, params) => [
      { kind: 'wrong-field', actions: steps(params, other) },
      siblingButton(steps(params, field), 'save', 'undo'),
      earlyExit(steps(params, field)),
    ],
  }
}

export const setPrice = setField(
  'price',
  ({ product, value }) => `Set the price of "${product}" to ${value}.`,
)
export const setStock = setField(
  'stock',
  ({ product, value }) => `Set the stock of "${product}" to ${value}.`,
)

/** Approve or reject a waiting review; the wrong verdict is one button away. */
function moderate(verb: 'approve' | 'reject', other: 'approve' | 'reject'): Template {
  const verdict = { approve: 'approved', reject: 'rejected' }[verb]
  const steps = (world: World, { title }: Params) => [
    click('reviews'),
    ...turnTo(
      openReviews(world).findIndex((review) => review.title === title),
      PAGE_SIZE,
    ),
    click(String(title)),
    click(verb),
    exit(),
  ]
  const review = ({ world, params }: { world: World; params: Params }) =>
    storeOf(world).reviews.find((one) => one.title === params.title && one.product === params.product)
  return {
    id: `admin/${verb}`,
    sites: ['admin'],
    draw: (world, rng) => {
      const open = openReviews(world)
      const unique = open.filter((one) => open.filter((twin) => twin.title === one.title).length === 1)
      const { title, author, product } = rng.pick(unique)
      return { title, author, product }
    },
    intent: ({ title, author }) =>
      `${verb === 'approve' ? 'Approve' : 'Reject'} the review "${title}" by "${author}".`,
    evaluate: (world, params, origins) => {
      const all = storeOf(world).reviews
      const id = all.length - all.indexOf(review({ world, params }) as Review)
      return pagesShow([
        textIs(`${origins.admin}/reviews/${id}`, '#status', verdict),
        textIs(`${origins.admin}/reviews`, '#count', openReviews(world).length - 1),
        ...statusCounts(origins, world),
      ])
    },
    milestones: [
      section('reviews'),
      {
        text: 'The review "{title}" is open',
        reached: (view) => at(view, 'admin', /^\/reviews\/\d+$/) && view.page.title === view.params.title,
      },
      { text: `The review is ${verdict}`, reached: (view) => review(view)?.status === verdict },
      {
        text: `The episode ends with the review ${verdict}`,
        reached: (view) => ended(view) && review(view)?.status === verdict,
      },
    ],
    expert: (world, params) => steps(world, params),
    slips: (world, params) => [
      siblingButton(steps(world, params), verb, other),
      earlyExit(steps(world, params)),
    ],
  }
}

export const approve = moderate('approve', 'reject')
export const reject = moderate('reject', 'approve')

const relocateSteps = (params: Params) => [
  ...toCustomer(params),
  typeIn('town', String(params.town)),
  click('save'),
  exit(),
]
const livesThere = ({ world, params }: OracleView) => customerOf(world, params.customer)?.town === params.town

export const relocate: Template = {
  id: 'admin/relocate',
  sites: ['admin'],
  draw: (world, rng) => {
    const person = rng.pick(storeOf(world).customers)
    return { customer: person.name, town: rng.pick(TOWNS.filter((name) => name !== person.town)) }
  },
  intent: ({ customer, town }) => `Change the town of customer "${customer}" to "${town}".`,
  evaluate: (world, { customer, town }, origins) =>
    pagesShow([
      {
        url: `${origins.admin}/customers/${customer}`,
        locator: `document.querySelector('[name="town"]').value`,
        required_contents: { exact_match: String(town) },
      },
      ...unchanged(origins, world),
    ]),
  milestones: [
    section('customers'),
    customerOpen,
    { text: '"{customer}" lives in "{town}"', reached: livesThere },
    { text: 'The episode ends with the new town', reached: (view) => ended(view) && livesThere(view) },
  ],
  expert: (_, params) => relocateSteps(params),
  slips: (_, params) => [
    siblingButton(relocateSteps(params), 'save', 'undo'),
    earlyExit(relocateSteps(params)),
  ],
}

const spentBy = (world: World, customer: string | number | undefined): number =>
  ordersOf(storeOf(world), String(customer)).reduce((sum, order) => sum + order.total, 0)

export const spent: Template = {
  id: 'admin/spent',
  sites: ['admin'],
  draw: (world, rng) => {
    const { name, town } = rng.pick(storeOf(world).customers.slice(1))
    return { customer: name, town }
  },
  intent: ({ customer, town }) => `How much has "${customer}" from "${town}" spent?`,
  evaluate: (world, { customer }) => answerIs(spentBy(world, customer)),
  milestones: [
    section('customers'),
    customerOpen,
    {
      text: 'An answer is given from the page of "{customer}"',
      reached: (view) => ended(view) && onCustomer(view),
    },
    {
      text: 'The right sum is named',
      reached: (view) => answered(view, spentBy(view.world, view.params.customer)),
    },
  ],
  expert: (world, params) => [...toCustomer(params), exit(spentBy(world, params.customer))],
  slips: (world, params) => [
    wrongAnswer([...toCustomer(params), exit()], ordersOf(storeOf(world), String(params.customer)).length),
  ],
}

const countOf = (world: World, { customer, status }: Params): number =>
  ordersOf(storeOf(world), String(customer)).filter((order) => order.status === status).length

export const statusCount: Template = {
  id: 'admin/status-count',
  sites: ['admin'],
  draw: (world, rng) => ({
    customer: rng.pick(storeOf(world).customers).name,
    status: rng.pick(ORDER_STATUSES),
  }),
  intent: ({ customer, status }) => `How many "${status}" orders does "${customer}" have?`,
  evaluate: (world, params) => answerIs(countOf(world, params)),
  milestones: [
    customerOpen,
    {
      text: 'The summary of "{customer}" is open',
      reached: (view) => at(view, 'admin', `/customers/${view.params.customer}/summary`),
    },
    {
      text: 'An answer is given from the summary',
      reached: (view) => ended(view) && at(view, 'admin', /summary$/),
    },
    {
      text: 'The right number is named',
      reached: (view) => answered(view, countOf(view.world, view.params)),
    },
  ],
  expert: (world, params) => [...toCustomer(params), click('summary'), exit(countOf(world, params))],
  slips: (world, params) => {
    const right = countOf(world, params)
    const wrong = ORDER_STATUSES.map((status) => countOf(world, { ...params, status })).find(
      (n) => n !== right,
    )
    return [wrongAnswer([...toCustomer(params), click('summary'), exit()], wrong ?? right + 1)]
  },
}

const scarce = (world: World, category: string | number | undefined) =>
  sortProducts(
    storeOf(world).products.filter((product) => product.category === category),
    'stock',
  )

export const scarcest: Template = {
  id: 'admin/scarcest-price',
  sites: ['admin'],
  novel: true,
  draw: (world, rng) => {
    const category = rng.pick(CATEGORIES)
    return { category, product: (scarce(world, category)[0] as { name: string }).name }
  },
  intent: ({ category }) => `What is the price of the product with the lowest stock in "${category}"?`,
  evaluate: (world, params) => answerIs(productOf(world, params).price),
  milestones: [
    section('reports'),
    {
      text: 'The stock of "{category}" is on the screen',
      reached: (view) => at(view, 'admin', `/reports/stock/${view.params.category}`),
    },
    productOpen,
    {
      text: 'The right price is named',
      reached: (view) => answered(view, productOf(view.world, view.params).price),
    },
  ],
  expert: (world, params) => [
    click('reports'),
    click(String(params.category)),
    click(String(params.product)),
    exit(productOf(world, params).price),
  ],
  slips: (world, params) => {
    const { stock } = productOf(world, params)
    const steps = [click('reports'), click(String(params.category)), click(String(params.product)), exit()]
    return [wrongAnswer(steps, stock)]
  },
}
