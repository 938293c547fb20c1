/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** What belongs to one shopper: orders and their cancellation, wishes, the account page, signing in and out. */
import { form, type SiteApp, type SiteContext, seeOther, whole } from '../http.ts'
import { Fact, Pager, PostButton, paginate, Row, TextField } from '../layout.tsx'
import { asShopper, missing, show } from './frame.tsx'
import { addToCart, type Order, ordersOf, type Store, slug, storeOf } from './store.ts'

const orderAt = (c: SiteContext, store: Store, shopper: string): Order | undefined =>
  ordersOf(store, shopper).find((order) => order.number === whole(c.req.param('number')))

function orders(app: SiteApp): void {
  app.get('/orders', (c) =>
    asShopper(c, (store, shopper) => {
      const own = ordersOf(store, shopper)
      const shown = paginate(own, whole(c.req.query('page')))
      return show(
        c,
        'orders',
        <div>
          <ul>
            {shown.rows.map((order) => (
              <Row href={`/orders/${order.number}`} text={order.number} values={[order.status]} />
            ))}
          </ul>
          <Fact label="count" value={own.length} />
          <Pager page={shown.page} pages={shown.pages} href={(page) => `/orders?page=${page}`} />
        </div>,
      )
    }),
  )

  app.get('/orders/:number', (c) =>
    asShopper(c, (store, shopper) => {
      const order = orderAt(c, store, shopper)
      if (!order) return missing(c, 'order')
      return show(
        c,
        `order ${order.number}`,
        <div>
          <Fact label="status" value={order.status} />
          <Fact label="total" value={order.total} />
          <Fact label="town" value={order.town} />
          <Fact label="shipping" value={order.shipping} />
          <ul>
            {order.lines.map((line) => (
              <Row href={`/product/${slug(line.product)}`} text={line.product} values={[line.quantity]} />
            ))}
          </ul>
          <PostButton action={`/orders/${order.number}/again`} text="buy again" />
          {order.status === 'pending' ? <a href={`/orders/${order.number}/cancel`}>cancel</a> : null}
        </div>,
      )
    }),
  )

  app.get('/orders/:number/cancel', (c) =>
    asShopper(c, (store, shopper) => {
      const order = orderAt(c, store, shopper)
      if (order?.status !== 'pending') return missing(c, 'pending order')
      return show(
        c,
        `cancel ${order.number}`,
        <div>
          <PostButton action={`/orders/${order.number}/cancel`} text="confirm" />
          <a href={`/orders/${order.number}`}>keep</a>
        </div>,
      )
    }),
  )

  app.post('/orders/:number/cancel', (c) =>
    asShopper(c, (store, shopper) => {
      const order = orderAt(c, store, shopper)
      if (order?.status !== 'pending') return missing(c, 'pending order')
      order.status = 'cancelled'
      return seeOther(c, `/orders/${order.number}`)
    }),
  )

  app.post('/orders/:number/again', (c) =>
    asShopper(c, (store, shopper) => {
      const order = orderAt(c, store, shopper)
      if (!order) return missing(c, 'order')
      for (const line of order.lines) addToCart(store, line.product, line.quantity)
      return seeOther(c, '/cart')
    }),
  )
}

export function account(app: SiteApp): void {
  orders(app)

  app.get('/wishes', (c) =>
    asShopper(c, (store) => {
      const shown = paginate(store.wishes, whole(c.req.query('page')))
      return show(
        c,
        'wishes',
        <div>
          <ul>
            {shown.rows.map((name) => (
              <Row href={`/product/${slug(name)}`} text={name} />
            ))}
          </ul>
          <Fact label="count" value={store.wishes.length} />
          <Pager page={shown.page} pages={shown.pages} href={(page) => `/wishes?page=${page}`} />
        </div>,
      )
    }),
  )

  app.get('/account', (c) =>
    asShopper(c, (store, shopper) => {
      const customer = store.customers.find((person) => person.name === shopper)
      return show(
        c,
        'account',
        <div>
          <Fact label="name" value={shopper} />
          <form method="post" action="/account">
            <TextField name="town" value={customer?.town ?? ''} />
            <button type="submit">save</button>
          </form>
          <PostButton action="/logout" text="sign out" />
        </div>,
      )
    }),
  )

  app.post('/account', (c) =>
    asShopper(c, async (store, shopper) => {
      const town = ((await form(c)).get('town') ?? '').trim()
      const customer = store.customers.find((person) => person.name === shopper)
      if (customer && town !== '') customer.town = town
      return seeOther(c, '/account')
    }),
  )

  // GET signs out too, so that a task can start signed out.
  app.on(['GET', 'POST'], '/logout', (c) => {
    c.env.world.session.set('shop', '')
    return seeOther(c, '/login')
  })

  const loginForm = (c: SiteContext, notice?: string) =>
    show(
      c,
      'sign in',
      <form method="post" action="/login">
        <TextField name="name" />
        <TextField name="password" type="password" />
        <button type="submit">enter</button>
      </form>,
      notice,
    )

  app.get('/login', (c) => loginForm(c))

  app.post('/login', async (c) => {
    const fields = await form(c)
    const customer = storeOf(c.env.world).customers.find((person) => person.name === fields.get('name'))
    // Cart and wishes are the shopper's, so nobody else can sign in here.
    if (customer?.name !== storeOf(c.env.world).shopper || customer.password !== fields.get('password'))
      return loginForm(c, 'wrong name or password')
    c.env.world.session.set('shop', customer.name)
    return seeOther(c, '/orders')
  })
}
