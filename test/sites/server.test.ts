/** The sites over HTTP: the same pages as in process, one world per visitor. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { type SiteServer, serveSites } from '../../lib/sites/server.ts'
import { storeOf } from '../../lib/sites/shop/store.ts'
import { createWorld } from '../../lib/sites/world.ts'

let server: SiteServer
beforeAll(async () => {
  server = await serveSites(embeddedWeb, { maxWorlds: 3 })
})
afterAll(() => server.close())

/** As a browser context: remembers the cookie. The host header picks the site, the address is loopback. */
function context(site: string) {
  let cookie = ''
  return async (path: string, init: RequestInit = {}) => {
    // Node's resolver does not know *.localhost everywhere; browsers do.
    const { request } = await import('node:http')
    return new Promise<{ status: number; text: string; location: string | undefined }>((resolve, reject) => {
      const body = init.body === undefined ? undefined : String(init.body)
      const sent = request(
        {
          host: '127.0.0.1',
          port: server.port,
          path,
          method: init.method ?? 'GET',
          headers: {
            host: `${site}.localhost:${server.port}`,
            ...(cookie ? { cookie } : {}),
            ...(body
              ? { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length }
              : {}),
          },
        },
        (answer) => {
          const set = answer.headers['set-cookie']?.[0]
          if (set) cookie = set.split(';')[0] ?? ''
          let text = ''
          answer.setEncoding('utf8').on('data', (chunk) => {
            text += chunk
          })
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, text, location: answer.headers.location }),
          )
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  }
}

describe('sites on loopback', () => {
  test('a context keeps the world it has entered, another context has its own', async () => {
    const product = storeOf(createWorld(7)).products[0]
    const go = context('shop')
    expect(await go('/__world/7?to=/cart')).toMatchObject({ status: 303, location: '/cart' })
    expect((await go(`/product/${product?.slug}/cart`, { method: 'POST', body: 'x=1' })).status).toBe(303)
    expect((await go('/cart')).text).toContain(product?.name)

    const other = context('shop')
    await other('/__world/7')
    const cart = (await other('/cart')).text
    expect(cart).toContain('<h1>cart</h1>')
    expect(cart).not.toContain(product?.name)
  })

  test('one world on two hosts, its state in reach of an oracle', async () => {
    const { key, world } = server.createWorld(8)
    const { pathname, search } = new URL(server.entry('admin', key, '/products'))
    const product = storeOf(world).products[0]
    const admin = context('admin')
    expect(await admin(pathname + search)).toMatchObject({ location: '/products' })
    await admin(`/products/${product?.slug}/edit`, { method: 'POST', body: 'price=11&stock=5' })
    expect(product?.price).toBe(11)
    expect(server.world(key)).toBe(world)
    const shop = context('shop')
    await shop(new URL(server.entry('shop', key)).pathname)
    expect((await shop(`/product/${product?.slug}`)).text).toContain('<b id="price">11</b>')
  })

  test('old worlds are forgotten, entry links stay on their host, other hosts are refused', async () => {
    const { key } = server.createWorld(1)
    for (let seed = 2; seed < 6; seed++) server.createWorld(seed)
    expect(server.world(key)).toBeUndefined()
    const go = context('shop')
    expect((await go(`/__world/key/${key}`)).status).toBe(404)
    expect((await go('/__world/3?to=//evil.test/')).location).toBe('/')
    expect((await context('news')('/')).status).toBe(404)
  })

  test('a taken port is one sentence', async () => {
    await expect(serveSites(embeddedWeb, { port: server.port })).rejects.toThrow(/choose another port/)
  })
})
