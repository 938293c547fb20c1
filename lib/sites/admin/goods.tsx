/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** Back office: products (search, edit price and stock), reviews to moderate, and reports. */
import { form, type SiteApp, type SiteContext, seeOther, whole } from '../http.ts'
import { Fact, Pager, PostButton, paginate, Row, SearchBox, TextField } from '../layout.tsx'
import {
  CATEGORIES,
  ORDER_STATUSES,
  type Product,
  type Review,
  sortProducts,
  storeOf,
} from '../shop/store.ts'
import { missing, query, show } from './frame.tsx'

const productAt = (c: SiteContext): Product | undefined =>
  storeOf(c.env.world).products.find((product) => product.slug === c.req.param('slug'))

function products(app: SiteApp): void {
  app.get('/products', (c) => {
    const { q, href } = query(c, '/products')
    const found = sortProducts(
      storeOf(c.env.world).products.filter((product) => product.name.includes(q)),
      'name',
    )
    const shown = paginate(found, whole(c.req.query('page')))
    return show(
      c,
      'products',
      <div>
        <SearchBox action="/products" value={q} />
        <ul>
          {shown.rows.map((product) => (
            <Row href={`/products/${product.slug}`} text={product.name} />
          ))}
        </ul>
        <Pager page={shown.page} pages={shown.pages} href={href} />
      </div>,
      found.length === 0 ? 'nothing found' : undefined,
    )
  })

  app.get('/products/:slug', (c) => {
    const product = productAt(c)
    if (!product) return missing(c, 'product')
    return show(
      c,
      product.name,
      <div>
        <Fact label="price" value={product.price} />
        <Fact label="stock" value={product.stock} />
        <a href={`/products/${product.slug}/edit`}>edit</a>
      </div>,
    )
  })

  app.get('/products/:slug/edit', (c) => {
    const product = productAt(c)
    return product ? editForm(c, product) : missing(c, 'product')
  })

  app.post('/products/:slug/edit', async (c) => {
    const product = productAt(c)
    if (!product) return missing(c, 'product')
    const fields = await form(c)
    const price = whole(fields.get('price'))
    const stock = whole(fields.get('stock'))
    if (!(price >= 1) || !(stock >= 0)) return editForm(c, product, 'price and stock must be numbers')
    product.price = price
    product.stock = stock
    return seeOther(c, `/products/${product.slug}`)
  })
}

function editForm(c: SiteContext, product: Product, notice?: string): Response {
  return show(
    c,
    'edit product',
    <form method="post" action={`/products/${product.slug}/edit`}>
      <TextField name="price" value={product.price} />
      <TextField name="stock" value={product.stock} />
      <button type="submit">save</button>
      <button type="reset">undo</button>
    </form>,
    notice,
  )
}

/** Reviews are addressed by their place in the store, which never changes. */
const reviewAt = (c: SiteContext): Review | undefined => {
  const { reviews } = storeOf(c.env.world)
  return reviews[reviews.length - whole(c.req.param('id'))]
}

function reviews(app: SiteApp): void {
  app.get('/reviews', (c) => {
    const all = storeOf(c.env.world).reviews
    const pending = all.filter((review) => review.status === 'pending')
    const shown = paginate(pending, whole(c.req.query('page')))
    return show(
      c,
      'reviews',
      <div>
        <Fact label="count" value={pending.length} />
        <ul>
          {shown.rows.map((review) => (
            // Numbered from the oldest, because new reviews come in at the front.
            <Row
              href={`/reviews/${all.length - all.indexOf(review)}`}
              text={review.title}
              values={[review.author]}
            />
          ))}
        </ul>
        <Pager page={shown.page} pages={shown.pages} href={(page) => `/reviews?page=${page}`} />
      </div>,
    )
  })

  app.get('/reviews/:id', (c) => {
    const review = reviewAt(c)
    if (!review) return missing(c, 'review')
    const path = `/reviews/${c.req.param('id')}`
    return show(
      c,
      review.title,
      <div>
        <Fact label="product" value={review.product} />
        <Fact label="author" value={review.author} />
        <Fact label="stars" value={review.stars} />
        <Fact label="status" value={review.status} />
        {review.status === 'pending' ? (
          <div>
            <PostButton action={`${path}/approved`} text="approve" />
            <PostButton action={`${path}/rejected`} text="reject" />
          </div>
        ) : null}
      </div>,
    )
  })

  app.post('/reviews/:id/:verdict{approved|rejected}', (c) => {
    const review = reviewAt(c)
    if (review?.status !== 'pending') return missing(c, 'pending review')
    review.status = c.req.param('verdict') as Review['status']
    return seeOther(c, `/reviews/${c.req.param('id')}`)
  })
}

function reports(app: SiteApp): void {
  app.get('/reports', (c) =>
    show(
      c,
      'reports',
      <ul>
        <Row href="/reports/status" text="by status" />
        {CATEGORIES.map((category) => (
          <Row href={`/reports/stock/${category}`} text={category} />
        ))}
      </ul>,
    ),
  )

  app.get('/reports/status', (c) => {
    const { orders } = storeOf(c.env.world)
    return show(
      c,
      'by status',
      <div>
        {ORDER_STATUSES.map((status) => (
          <Fact label={status} value={orders.filter((order) => order.status === status).length} />
        ))}
      </div>,
    )
  })

  app.get('/reports/stock/:category', (c) => {
    const category = c.req.param('category')
    const scarce = sortProducts(
      storeOf(c.env.world).products.filter((product) => product.category === category),
      'stock',
    )
    if (scarce.length === 0) return missing(c, 'category')
    return show(
      c,
      `stock ${category}`,
      <ul>
        {paginate(scarce, 1).rows.map((product) => (
          <Row href={`/products/${product.slug}`} text={product.name} values={[product.stock]} />
        ))}
      </ul>,
    )
  })
}

export function goods(app: SiteApp): void {
  products(app)
  reviews(app)
  reports(app)
}
