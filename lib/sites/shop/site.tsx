/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The shop as a site: catalogue, cart and account routes on one stateless app. */
import { siteApp, siteOf } from '../http.ts'
import { account } from './account.tsx'
import { basket } from './basket.tsx'
import { catalogue } from './catalogue.tsx'
import { missing } from './frame.tsx'

const app = siteApp()
catalogue(app)
basket(app)
account(app)
app.notFound((c) => missing(c, 'page'))

export const shop = siteOf('shop', app)
