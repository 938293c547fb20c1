/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** Back office: orders (search, ship, deliver, cancel with a confirmation, change the town) and customers. */
import { form, type SiteApp, type SiteContext, seeOther, whole } from '../http.ts'
import { Fact, Pager, PostButton, paginate, Row, SearchBox, TextField } from '../layout.tsx'
import {
  type Customer,
  ORDER_STATUSES,
  type Order,
  type OrderStatus,
  ordersOf,
  storeOf,
} from '../shop/store.ts'
import { missing, query, show } from './frame.tsx'

/** What can be done to an order, by its status: the button's text and the status it leads to. */
const NEXT: Partial<Record<OrderStatus, { text: string; status: OrderStatus }>> = {
  pending: { text: 'ship', status: 'shipped' },
  shipped: { text: 'deliver', status: 'delivered' },
}

const orderAt = (c: SiteContext): Order | undefined =>
  storeOf(c.env.world).orders.find((order) => order.number === whole(c.req.param('number')))

const customerAt = (c: SiteContext): Customer | undefined =>
  storeOf(c.env.world).customers.find((person) => person.name === c.req.param('name'))

function orders(app: SiteApp): void {
  app.get('/orders', (c) => {
    const { q, href } = query(c, '/orders')
    const found = storeOf(c.env.world).orders.filter(
      (order) => q === '' || String(order.number) === q || order.customer === q,
    )
    const shown = paginate(found, whole(c.req.query('page')))
    return show(
      c,
      'orders',
      <div>
        <SearchBox action="/orders" value={q} />
        <ul>
          {shown.rows.map((order) => (
            <Row href={`/orders/${order.number}`} text={order.number} values={[order.customer]} />
          ))}
        </ul>
        <Pager page={shown.page} pages={shown.pages} href={href} />
      </div>,
      found.length === 0 ? 'nothing found' : undefined,
    )
  })

  app.get('/orders/:number', (c) => {
    const order = orderAt(c)
    if (!order) return missing(c, 'order')
    const path = `/orders/${order.number}`
    const next = NEXT[order.status]
    return show(
      c,
      `order ${order.number}`,
      <div>
        <Fact label="status" value={order.status} />
        <Fact label="customer" value={order.customer} />
        <Fact label="total" value={order.total} />
        <Fact label="town" value={order.town} />
        <Fact label="shipping" value={order.shipping} />
        <a href={`${path}/edit`}>edit</a>
        {next ? <PostButton action={`${path}/advance`} text={next.text} /> : null}
        {order.status === 'pending' ? <a href={`${path}/cancel`}>cancel</a> : null}
      </div>,
    )
  })

  app.post('/orders/:number/advance', (c) => {
    const order = orderAt(c)
    const next = order && NEXT[order.status]
    if (!next) return missing(c, 'open order')
    order.status = next.status
    return seeOther(c, `/orders/${order.number}`)
  })

  app.get('/orders/:number/cancel', (c) => {
    const order = orderAt(c)
    if (order?.status !== 'pending') return missing(c, 'pending order')
    return show(
      c,
      `cancel ${order.number}`,
      <div>
        <PostButton action={`/orders/${order.number}/cancel`} text="confirm" />
        <a href={`/orders/${order.number}`}>keep</a>
      </div>,
    )
  })

  app.post('/orders/:number/cancel', (c) => {
    const order = orderAt(c)
    if (order?.status !== 'pending') return missing(c, 'pending order')
    order.status = 'cancelled'
    return seeOther(c, `/orders/${order.number}`)
  })

  app.get('/orders/:number/edit', (c) => {
    const order = orderAt(c)
    if (!order) return missing(c, 'order')
    return show(
      c,
      `edit ${order.number}`,
      <form method="post" action={`/orders/${order.number}/edit`}>
        <TextField name="town" value={order.town} />
        <button type="submit">save</button>
        <a href={`/orders/${order.number}`}>back</a>
      </form>,
    )
  })

  app.post('/orders/:number/edit', async (c) => {
    const order = orderAt(c)
    if (!order) return missing(c, 'order')
    const town = ((await form(c)).get('town') ?? '').trim()
    if (town !== '') order.town = town
    return seeOther(c, `/orders/${order.number}`)
  })
}

function customers(app: SiteApp): void {
  app.get('/customers', (c) => {
    const { q, href } = query(c, '/customers')
    const found = storeOf(c.env.world)
      .customers.filter((person) => person.name.includes(q))
      .sort((a, b) => a.name.localeCompare(b.name))
    const shown = paginate(found, whole(c.req.query('page')))
    return show(
      c,
      'customers',
      <div>
        <SearchBox action="/customers" value={q} />
        <ul>
          {shown.rows.map((person) => (
            <Row href={`/customers/${person.name}`} text={person.name} />
          ))}
        </ul>
        <Pager page={shown.page} pages={shown.pages} href={href} />
      </div>,
      found.length === 0 ? 'nothing found' : undefined,
    )
  })

  app.get('/customers/:name', (c) => {
    const person = customerAt(c)
    if (!person) return missing(c, 'customer')
    const own = ordersOf(storeOf(c.env.world), person.name)
    return show(
      c,
      person.name,
      <div>
        <Fact label="count" value={own.length} />
        <Fact label="spent" value={own.reduce((sum, order) => sum + order.total, 0)} />
        <form method="post" action={`/customers/${person.name}`}>
          <TextField name="town" value={person.town} />
          <button type="submit">save</button>
          <button type="reset">undo</button>
        </form>
        <a href={`/orders?q=${person.name}`}>history</a>
        <a href={`/customers/${person.name}/summary`}>summary</a>
      </div>,
    )
  })

  app.post('/customers/:name', async (c) => {
    const person = customerAt(c)
    if (!person) return missing(c, 'customer')
    const town = ((await form(c)).get('town') ?? '').trim()
    if (town !== '') person.town = town
    return seeOther(c, `/customers/${person.name}`)
  })

  app.get('/customers/:name/summary', (c) => {
    const person = customerAt(c)
    if (!person) return missing(c, 'customer')
    const own = ordersOf(storeOf(c.env.world), person.name)
    return show(
      c,
      'summary',
      <div>
        <a href={`/customers/${person.name}`}>{person.name}</a>
        {ORDER_STATUSES.map((status) => (
          <Fact label={status} value={own.filter((order) => order.status === status).length} />
        ))}
      </div>,
    )
  })
}

export function sales(app: SiteApp): void {
  orders(app)
  customers(app)
}
