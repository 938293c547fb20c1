/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The shop's back office as a site. It works on the shop's own store, so a change shows in both at once. */
import { siteApp, siteOf } from '../http.ts'
import { Fact } from '../layout.tsx'
import { SiteLinks } from '../links.tsx'
import { storeOf } from '../shop/store.ts'
import { missing, show } from './frame.tsx'
import { goods } from './goods.tsx'
import { sales } from './sales.tsx'

const app = siteApp()

app.get('/', (c) => {
  const { orders, reviews } = storeOf(c.env.world)
  return show(
    c,
    'admin',
    <div>
      <Fact
        label="open orders"
        id="orders"
        value={orders.filter((order) => order.status === 'pending').length}
      />
      <Fact
        label="open reviews"
        id="reviews"
        value={reviews.filter((review) => review.status === 'pending').length}
      />
      <SiteLinks here="admin" origins={c.env.origins} />
    </div>,
  )
})
sales(app)
goods(app)
app.notFound((c) => missing(c, 'page'))

export const admin = siteOf('admin', app)
