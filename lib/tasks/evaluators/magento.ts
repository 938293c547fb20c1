/**
 * Helpers that ask WebArena's shop (Magento 2) through its REST interface: the latest order and the latest review of
 * a product. A token is fetched per call as published; every request has a deadline.
 * https://developer.adobe.com/commerce/webapi/rest/
 */
import { z } from 'zod'
import { EvaluationError, type RemoteHelpers } from './contract.ts'
import { parseInteger } from './python.ts'

export interface MagentoOptions {
  /** Base address of the shop without a trailing slash, "http://localhost:7770". */
  shopping: string
  /** Account of the shop's administrator. */
  username: string
  password: string
  /** Default: the global fetch. */
  fetch?: typeof fetch
  /** Per request; default 30000. */
  timeoutMs?: number
  signal?: AbortSignal
}

const orders = z.object({ items: z.array(z.object({ increment_id: z.union([z.string(), z.int()]) })).min(1) })
const reviews = z.array(
  z.object({
    nickname: z.string(),
    title: z.string(),
    detail: z.string(),
    ratings: z.array(z.object({ rating_name: z.string(), percent: z.number() })).default([]),
  }),
)
const product = z.object({
  custom_attributes: z.array(z.object({ attribute_code: z.string(), value: z.unknown() })),
})

type Review = z.infer<typeof reviews>[number]

/** Names, arguments and results are those of the published evaluators; errors say which address answered what. */
export function magentoHelpers(options: MagentoOptions): RemoteHelpers {
  const shop = options.shopping.replace(/\/+$/, '')
  const latest = (read: (review: Review) => string) => async (sku: string) => {
    const all = await get(options, `${shop}/rest/V1/products/${encodeURIComponent(sku)}/reviews`, reviews)
    const review = all.at(-1)
    return review ? read(review) : ''
  }
  return {
    shopping_get_latest_order_url: async () => {
      const search = new URLSearchParams({
        'searchCriteria[sortOrders][0][field]': 'created_at',
        'searchCriteria[sortOrders][0][direction]': 'DESC',
        'searchCriteria[pageSize]': '1',
      })
      const { items } = await get(options, `${shop}/rest/V1/orders?${search}`, orders)
      const increment = String(items[0]?.increment_id)
      const id = parseInteger(increment)
      if (id === undefined) throw failed(`${shop}/rest/V1/orders`, `an order number, received "${increment}"`)
      return `${shop}/sales/order/view/order_id/${id}/`
    },
    shopping_get_sku_latest_review_author: latest((review) => review.nickname),
    shopping_get_sku_latest_review_title: latest((review) => review.title),
    shopping_get_sku_latest_review_text: latest((review) => review.detail),
    shopping_get_sku_latest_review_rating: latest((review) => {
      const rating = review.ratings[0]
      if (rating?.rating_name !== 'Rating') {
        throw failed(
          `${shop}/rest/V1/products`,
          `reviews rated by "Rating", received "${rating?.rating_name}"`,
        )
      }
      return String(rating.percent)
    }),
    shopping_get_sku_product_page_url: async (sku: string) => {
      const address = `${shop}/rest/V1/products/${encodeURIComponent(sku)}`
      const { custom_attributes } = await get(options, address, product)
      const key = custom_attributes.find((attribute) => attribute.attribute_code === 'url_key')
      return key ? `${shop}/${key.value}.html` : ''
    },
  }
}

const failed = (address: string, what: string, cause?: unknown): EvaluationError =>
  new EvaluationError(
    `the shop at ${address}: expected ${what}; check sites.urls.shopping and the administrator's account`,
    { cause },
  )

async function get<T>(options: MagentoOptions, address: string, schema: z.ZodType<T>): Promise<T> {
  const tokenAddress = `${options.shopping.replace(/\/+$/, '')}/rest/default/V1/integration/admin/token`
  const token = await ask(options, tokenAddress, z.string(), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: options.username, password: options.password }),
  })
  return ask(options, address, schema, {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  })
}

async function ask<T>(
  options: MagentoOptions,
  address: string,
  schema: z.ZodType<T>,
  init: RequestInit,
): Promise<T> {
  const ms = options.timeoutMs ?? 30_000
  const deadline = AbortSignal.timeout(ms)
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline
  let body: unknown
  try {
    const response = await (options.fetch ?? fetch)(address, { ...init, signal })
    if (response.status !== 200) throw failed(address, `status 200, received ${response.status}`)
    body = await response.json()
  } catch (cause) {
    options.signal?.throwIfAborted()
    if (cause instanceof EvaluationError) throw cause
    if (deadline.aborted) throw failed(address, `an answer within ${ms} ms, none came`, cause)
    throw failed(address, `an answer in JSON, received none (${(cause as Error).message})`, cause)
  }
  const parsed = schema.safeParse(body)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw failed(
      address,
      `its REST answer, but ${issue?.path.join('.') || 'it'}: ${issue?.message}`,
      parsed.error,
    )
  }
  return parsed.data
}
