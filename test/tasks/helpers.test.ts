/** Helper calls of tasks: their grammar, the built-in ones, and the shop's REST interface against a fake shop. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  gitlabMemberRole,
  parseHelperCall,
  redditPostUrl,
  runHelper,
} from '../../lib/tasks/evaluators/helpers.ts'
import { magentoHelpers } from '../../lib/tasks/evaluators/magento.ts'
import { LocatorError, UnsupportedLocatorError } from '../../lib/tasks/locator.ts'
import { fakePages } from './kit.ts'

describe('grammar', () => {
  test.each([
    ['f()', 'f', []],
    [` f ( 'a' , "b" ) `, 'f', [{ text: 'a' }, { text: 'b' }]],
    [`g(__page__, 'it\\'s')`, 'g', ['page', { text: "it's" }]],
    [`g("\\\\ \\n")`, 'g', [{ text: '\\ \n' }]],
  ])('%s', (text, name, args) => expect(parseHelperCall(text)).toEqual({ name, args }))

  test.each([
    '',
    'f',
    'f(',
    'f(1)',
    'f(a)',
    `f('a' 'b')`,
    `f('a',)`,
    `f('a'); g()`,
    `f(g('a'))`,
    `__import__('os').system('x')`,
    `f('\\x41')`,
    `f('a)`,
  ])('refuses %s', (text) =>
    expect(() => parseHelperCall(text)).toThrow(expect.objectContaining({ code: 'EVALUATION' })),
  )

  test('any text survives quoting', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!/[\n\r]/.test(text))
        const quoted = `f('${text.replace(/[\\']/g, '\\$&')}')`
        expect(parseHelperCall(quoted)).toEqual({ name: 'f', args: [{ text }] })
      }),
    )
  })
})

describe('built in', () => {
  test('the post of an address', () => {
    expect(redditPostUrl('http://h:9999/f/DIY/118903/title/-/comment/5?x=1#y')).toBe(
      'http://h:9999/f/DIY/118903/',
    )
    expect(redditPostUrl('http://h:9999/f/DIY')).toBe('http://h:9999/f/DIY')
  })
  test('__last_url__ is the address of the page, quotes in it and all', async () => {
    const page = await fakePages(`http://h/f/a/1/it's`).last()
    const call = parseHelperCall(`reddit_get_post_url('__last_url__')`)
    expect(await runHelper(call, page, {})).toBe('http://h/f/a/1/')
  })
  test('a role that is not there is "", a page that cannot be asked is an error', async () => {
    const page = await fakePages('http://h/').last()
    const failing = (error: Error) => ({ ...page, evaluate: async () => Promise.reject(error) })
    expect(await gitlabMemberRole(failing(new LocatorError('undefined has no outerText')), 'bob')).toBe('')
    await expect(
      gitlabMemberRole(failing(new UnsupportedLocatorError('no scripts')), 'bob'),
    ).rejects.toMatchObject({
      code: 'UNSUPPORTED_LOCATOR',
    })
  })
  test('unknown helpers and wrong arguments are named', async () => {
    const page = await fakePages('http://h/').last()
    const remote = { shopping_get_latest_order_url: async () => 'x' }
    const run = (text: string) => runHelper(parseHelperCall(text), page, remote)
    await expect(run(`nothing('a')`)).rejects.toThrow(
      /no helper nothing\("a"\); known are .*shopping_get_latest_order_url/,
    )
    await expect(run('toString()')).rejects.toThrow(/no helper toString/)
    await expect(run('shopping_get_latest_order_url(__page__)')).rejects.toThrow(/takes strings/)
  })
})

/** A shop that answers by path and notes what it was asked. */
function shop(answers: Record<string, unknown>, status = 200) {
  const asked: { url: URL; init: RequestInit | undefined }[] = []
  const fake: typeof fetch = async (input, init) => {
    const url = new URL(String(input))
    asked.push({ url, init })
    if (url.pathname.endsWith('/admin/token')) return Response.json('secret')
    return Response.json(answers[url.pathname] ?? null, { status })
  }
  const helpers = magentoHelpers({
    shopping: 'http://shop:7770/',
    username: 'admin',
    password: 'pw',
    fetch: fake,
  })
  const call = (name: string, ...args: string[]) =>
    (helpers[name] as (...args: string[]) => Promise<unknown>)(...args)
  return { call, asked }
}

describe('the shop', () => {
  const review = (nickname: string, percent: number) => ({
    nickname,
    title: `t ${nickname}`,
    detail: `d ${nickname}`,
    ratings: [{ rating_name: 'Rating', percent }],
  })

  test('the latest order, newest first, with the token of the administrator', async () => {
    const { call, asked } = shop({ '/rest/V1/orders': { items: [{ increment_id: '000000189' }] } })
    expect(await call('shopping_get_latest_order_url')).toBe(
      'http://shop:7770/sales/order/view/order_id/189/',
    )
    const [token, orders] = asked
    expect(token?.url.href).toBe('http://shop:7770/rest/default/V1/integration/admin/token')
    expect(JSON.parse(String(token?.init?.body))).toEqual({ username: 'admin', password: 'pw' })
    expect(orders?.init?.headers).toMatchObject({ authorization: 'Bearer secret' })
    expect(Object.fromEntries(orders?.url.searchParams ?? [])).toEqual({
      'searchCriteria[sortOrders][0][field]': 'created_at',
      'searchCriteria[sortOrders][0][direction]': 'DESC',
      'searchCriteria[pageSize]': '1',
    })
  })
  test('the last review of a product, "" where there is none', async () => {
    const { call } = shop({
      '/rest/V1/products/B09/reviews': [review('first', 20), review('last', 80)],
      '/rest/V1/products/B10/reviews': [],
      '/rest/V1/products/B09': { custom_attributes: [{ attribute_code: 'url_key', value: 'a-lamp' }] },
    })
    expect(await call('shopping_get_sku_latest_review_author', 'B09')).toBe('last')
    expect(await call('shopping_get_sku_latest_review_rating', 'B09')).toBe('80')
    expect(await call('shopping_get_sku_latest_review_title', 'B09')).toBe('t last')
    expect(await call('shopping_get_sku_latest_review_text', 'B09')).toBe('d last')
    expect(await call('shopping_get_sku_latest_review_author', 'B10')).toBe('')
    expect(await call('shopping_get_sku_latest_review_rating', 'B10')).toBe('')
    expect(await call('shopping_get_sku_product_page_url', 'B09')).toBe('http://shop:7770/a-lamp.html')
  })
  test('a refusal, an answer of another form, no order and no answer say what was expected', async () => {
    const wanted = (answers: Record<string, unknown>, status?: number) =>
      shop(answers, status).call('shopping_get_latest_order_url')
    await expect(wanted({}, 401)).rejects.toThrow(
      /rest\/V1\/orders.*expected status 200, received 401; check/,
    )
    await expect(wanted({ '/rest/V1/orders': { items: [] } })).rejects.toThrow(/items/)
    await expect(wanted({ '/rest/V1/orders': { items: [{ increment_id: 'x' }] } })).rejects.toThrow(
      /received "x"/,
    )
    const silent: typeof fetch = (_, init) =>
      new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)))
    const helpers = magentoHelpers({
      shopping: 'http://shop',
      username: 'a',
      password: 'b',
      fetch: silent,
      timeoutMs: 5,
    })
    await expect(helpers.shopping_get_latest_order_url?.()).rejects.toThrow(/within 5 ms, none came/)
  })
})
