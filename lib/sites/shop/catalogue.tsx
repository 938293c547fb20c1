/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The shop's catalogue: categories, search with a price filter, sorting, pages of results, products, reviews. */
import { form, type SiteApp, type SiteContext, seeOther, whole } from '../http.ts'
import { Fact, Pager, PostButton, paginate, Row, SearchBox, SelectField, TextField } from '../layout.tsx'
import { SiteLinks } from '../links.tsx'
import { asShopper, missing, show } from './frame.tsx'
import { addToCart, CATEGORIES, type Product, sortProducts, storeOf } from './store.ts'

/** Path and query of a list page; parameters without a value are left out. */
function listUrl(path: string, params: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== '') query.set(name, String(value))
  }
  const text = query.toString()
  return text ? `${path}?${text}` : path
}

function ProductList(props: { products: readonly Product[]; page: number; href: (page: number) => string }) {
  const shown = paginate(props.products, props.page)
  return (
    <div>
      <ul>
        {shown.rows.map((product) => (
          <Row href={`/product/${product.slug}`} text={product.name} values={[product.price]} />
        ))}
      </ul>
      <Pager page={shown.page} pages={shown.pages} href={props.href} />
    </div>
  )
}

const productAt = (c: SiteContext): Product | undefined =>
  storeOf(c.env.world).products.find((product) => product.slug === c.req.param('slug'))

export function catalogue(app: SiteApp): void {
  app.get('/', (c) =>
    show(
      c,
      'welcome',
      <div>
        <SearchBox action="/search" />
        <ul>
          {CATEGORIES.map((category) => (
            <Row href={`/category/${category}`} text={category} />
          ))}
        </ul>
        <SiteLinks here="shop" origins={c.env.origins} />
      </div>,
    ),
  )

  app.get('/category/:category', (c) => {
    const category = c.req.param('category')
    const products = storeOf(c.env.world).products.filter((product) => product.category === category)
    if (products.length === 0) return missing(c, 'category')
    const sort = c.req.query('sort')
    const path = `/category/${category}`
    return show(
      c,
      category,
      <div>
        <form method="get" action={path}>
          <SelectField name="sort" options={['name', 'price', 'stock']} value={sort ?? 'name'} />
          <button type="submit">apply</button>
        </form>
        <ProductList
          products={sortProducts(products, sort)}
          page={whole(c.req.query('page'))}
          href={(page) => listUrl(path, { sort, page })}
        />
      </div>,
    )
  })

  app.get('/search', (c) => {
    const q = (c.req.query('q') ?? '').trim().toLowerCase()
    const below = whole(c.req.query('below'))
    const found = storeOf(c.env.world).products.filter(
      (product) => product.name.includes(q) && !(product.price >= below),
    )
    return show(
      c,
      'results',
      <div>
        <form method="get" action="/search">
          <input type="hidden" name="q" value={q} />
          <TextField name="below" value={c.req.query('below') ?? ''} />
          <button type="submit">apply</button>
        </form>
        <ProductList
          products={sortProducts(found, 'name')}
          page={whole(c.req.query('page'))}
          href={(page) => listUrl('/search', { q, below: c.req.query('below'), page })}
        />
      </div>,
      found.length === 0 ? 'nothing found' : undefined,
    )
  })

  app.get('/product/:slug', (c) => {
    const product = productAt(c)
    if (!product) return missing(c, 'product')
    const wished = storeOf(c.env.world).wishes.includes(product.name)
    const path = `/product/${product.slug}`
    return show(
      c,
      product.name,
      <div>
        <Fact label="price" value={product.price} />
        <Fact label="stock" value={product.stock} />
        <PostButton action={`${path}/cart`} text="add to cart" />
        {wished ? (
          <PostButton action={`${path}/unwish`} text="remove wish" />
        ) : (
          <PostButton action={`${path}/wish`} text="add wish" />
        )}
        <a href={`${path}/reviews`}>reviews</a>
      </div>,
    )
  })

  app.post('/product/:slug/cart', (c) =>
    asShopper(c, (store) => {
      const product = productAt(c)
      if (!product) return missing(c, 'product')
      addToCart(store, product.name)
      return seeOther(c, '/cart')
    }),
  )

  app.post('/product/:slug/:verb{wish|unwish}', (c) =>
    asShopper(c, (store) => {
      const product = productAt(c)
      if (!product) return missing(c, 'product')
      store.wishes = store.wishes.filter((name) => name !== product.name)
      if (c.req.param('verb') === 'wish') store.wishes.push(product.name)
      return seeOther(c, '/wishes')
    }),
  )

  app.get('/product/:slug/reviews', (c) => {
    const product = productAt(c)
    if (!product) return missing(c, 'product')
    const reviews = storeOf(c.env.world).reviews.filter(
      (review) => review.product === product.name && review.status !== 'rejected',
    )
    const shown = paginate(reviews, whole(c.req.query('page')))
    const path = `/product/${product.slug}/reviews`
    return show(
      c,
      'reviews',
      <div>
        <a href={`/product/${product.slug}`}>{product.name}</a>
        <ul>
          {shown.rows.map((review) => (
            <li>
              {review.title}
              <b>{review.author}</b>
              <b>{review.stars}</b>
            </li>
          ))}
        </ul>
        <Pager page={shown.page} pages={shown.pages} href={(page) => listUrl(path, { page })} />
        <a href={`${path}/new`}>write review</a>
      </div>,
    )
  })

  app.get('/product/:slug/reviews/new', (c) =>
    asShopper(c, () => {
      const product = productAt(c)
      if (!product) return missing(c, 'product')
      return show(
        c,
        'new review',
        <form method="post" action={`/product/${product.slug}/reviews`}>
          <SelectField name="stars" options={['1', '2', '3', '4', '5']} value="5" />
          <TextField name="title" />
          <button type="submit">send</button>
        </form>,
      )
    }),
  )

  app.post('/product/:slug/reviews', (c) =>
    asShopper(c, async (store, shopper) => {
      const product = productAt(c)
      if (!product) return missing(c, 'product')
      const fields = await form(c)
      const title = (fields.get('title') ?? '').trim()
      const stars = whole(fields.get('stars'))
      if (title === '' || !(stars >= 1 && stars <= 5))
        return seeOther(c, `/product/${product.slug}/reviews/new`)
      // The newest review comes first, so that its author sees it.
      store.reviews.unshift({ product: product.name, author: shopper, stars, title, status: 'approved' })
      return seeOther(c, `/product/${product.slug}/reviews`)
    }),
  )
}
