/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The shop's cart and checkout: change a line, choose town and shipping, place the order. */
import { form, type SiteApp, seeOther, whole } from '../http.ts'
import { Fact, PostButton, paginate, Row, SelectField, TextField } from '../layout.tsx'
import { asShopper, missing, show } from './frame.tsx'
import { cartTotal, placeOrder, productNamed, slug } from './store.ts'

export function basket(app: SiteApp): void {
  app.get('/cart', (c) =>
    asShopper(c, (store) =>
      show(
        c,
        'cart',
        <div>
          <ul>
            {paginate(store.cart, 1).rows.map((line) => (
              <Row href={`/cart/${slug(line.product)}`} text={line.product} values={[line.quantity]} />
            ))}
          </ul>
          <Fact label="total" value={cartTotal(store)} />
          {store.cart.length > 0 ? <a href="/checkout">checkout</a> : null}
        </div>,
      ),
    ),
  )

  app.get('/cart/:slug', (c) =>
    asShopper(c, (store) => {
      const line = store.cart.find((l) => slug(l.product) === c.req.param('slug'))
      if (!line) return missing(c, 'cart line')
      const path = `/cart/${slug(line.product)}`
      return show(
        c,
        line.product,
        <div>
          <form method="post" action={path}>
            <TextField name="quantity" value={line.quantity} />
            <button type="submit">update</button>
          </form>
          <PostButton action={`${path}/remove`} text="remove" />
        </div>,
      )
    }),
  )

  app.post('/cart/:slug', (c) =>
    asShopper(c, async (store) => {
      const line = store.cart.find((l) => slug(l.product) === c.req.param('slug'))
      if (!line) return missing(c, 'cart line')
      const quantity = whole((await form(c)).get('quantity'))
      if (!(quantity >= 1 && quantity <= productNamed(store, line.product).stock))
        return seeOther(c, `/cart/${slug(line.product)}`)
      line.quantity = quantity
      return seeOther(c, '/cart')
    }),
  )

  app.post('/cart/:slug/remove', (c) =>
    asShopper(c, (store) => {
      store.cart = store.cart.filter((l) => slug(l.product) !== c.req.param('slug'))
      return seeOther(c, '/cart')
    }),
  )

  app.get('/checkout', (c) =>
    asShopper(c, (store, shopper) => {
      const customer = store.customers.find((person) => person.name === shopper)
      return show(
        c,
        'checkout',
        <form method="post" action="/checkout">
          <TextField name="town" value={customer?.town ?? ''} />
          <SelectField name="shipping" options={['standard', 'express']} value="standard" />
          <button type="submit">place order</button>
          <a href="/cart">back to cart</a>
        </form>,
      )
    }),
  )

  app.post('/checkout', (c) =>
    asShopper(c, async (store, shopper) => {
      const fields = await form(c)
      const town = (fields.get('town') ?? '').trim()
      if (store.cart.length === 0) return seeOther(c, '/cart')
      if (town === '') return seeOther(c, '/checkout')
      const order = placeOrder(
        store,
        shopper,
        town,
        fields.get('shipping') === 'express' ? 'express' : 'standard',
      )
      return seeOther(c, `/orders/${order.number}`)
    }),
  )
}
