/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The map as a site: finding places, one page each, routes between two, and what the user keeps. */
import type { Child } from 'hono/jsx'
import { form, html, type SiteApp, type SiteContext, seeOther, siteApp, siteOf, whole } from '../http.ts'
import {
  Fact,
  Page,
  Pager,
  PostButton,
  paginate,
  Row,
  SearchBox,
  SelectField,
  TextField,
} from '../layout.tsx'
import { SiteLinks } from '../links.tsx'
import { KINDS, MODES, type Place } from './data.ts'
import * as state from './state.ts'

const NAV = [
  { href: '/', text: 'home' },
  { href: '/route', text: 'route' },
  { href: '/saved', text: 'saved' },
  { href: '/account', text: 'account' },
]
const STARS = ['1', '2', '3', '4', '5']

function show(c: SiteContext, title: string, children?: Child, notice?: string): Response {
  return html(
    c,
    <Page title={title} nav={NAV} {...(notice === undefined ? {} : { notice })}>
      {children}
    </Page>,
  )
}

const missing = (c: SiteContext) => html(c, <Page title="missing" nav={NAV} />, 404)
const atlasOf = (c: SiteContext) => state.mapOf(c.env.world)
const pathOf = (place: Place) => `/place/${state.slug(place.name)}`
const kindOf = (text: string | undefined) => KINDS.find((kind) => kind === text)

function withPlace(c: SiteContext, then: (place: Place) => Response | Promise<Response>) {
  const place = state.placeNamed(atlasOf(c), (c.req.param('slug') ?? '').replaceAll('-', ' '))
  return place ? then(place) : missing(c)
}

const Places = (props: { places: readonly Place[]; values?: (place: Place) => (string | number)[] }) => (
  <ul>
    {props.places.map((place) => (
      <Row href={pathOf(place)} text={place.name} values={props.values?.(place) ?? []} />
    ))}
  </ul>
)

const app = siteApp()
finding(app)
places(app)
routes(app)
own(app)
app.notFound((c) => missing(c))

export const site = siteOf('map', app)

function finding(app: SiteApp): void {
  app.get('/', (c) =>
    show(
      c,
      'map',
      <div>
        <SearchBox action="/search" />
        <ul>
          {KINDS.map((kind) => (
            <Row href={`/kind/${kind}`} text={kind} />
          ))}
        </ul>
        <SiteLinks here="map" origins={c.env.origins} />
      </div>,
    ),
  )

  app.get('/search', (c) =>
    show(c, 'results', <Places places={state.find(atlasOf(c), c.req.query('q') ?? '').slice(0, 5)} />),
  )

  app.get('/kind/:kind', (c) => {
    const kind = kindOf(c.req.param('kind'))
    if (!kind) return missing(c)
    const best = c.req.query('sort') === 'best'
    const all = state.placesOf(atlasOf(c), kind)
    const list = paginate(best ? state.ranked(all) : all, whole(c.req.query('page')))
    const path = `/kind/${kind}`
    return show(
      c,
      kind,
      <div>
        {best ? <a href={path}>usual</a> : <a href={`${path}?sort=best`}>best</a>}
        <Places places={list.rows} />
        <Pager
          page={list.page}
          pages={list.pages}
          href={(n) => `${path}?${best ? 'sort=best&' : ''}page=${n}`}
        />
      </div>,
    )
  })
}

function places(app: SiteApp): void {
  app.get('/place/:slug', (c) =>
    withPlace(c, (place) => {
      const path = pathOf(place)
      const verb = place.saved ? 'unsave' : 'save'
      return show(
        c,
        place.name,
        <div>
          <Fact label="town" value={place.town} />
          <Fact label="phone" value={place.phone} />
          <Fact label="opens" value={place.opens} />
          <Fact label="closes" value={place.closes} />
          <Fact label="rating" value={place.rating} />
          <PostButton action={`${path}/${verb}`} text={verb} />
          <a href={`${path}/nearby`}>nearby</a>
          <a href={`${path}/review`}>review</a>
          <a href={`${path}/note`}>note</a>
          <a href={`${path}/more`}>more</a>
        </div>,
      )
    }),
  )

  app.get('/place/:slug/more', (c) =>
    withPlace(c, (place) =>
      show(
        c,
        'more',
        <div>
          <a href={pathOf(place)}>{place.name}</a>
          <PostButton action={`${pathOf(place)}/home`} text="set home" />
          <PostButton action={`${pathOf(place)}/work`} text="set work" />
        </div>,
      ),
    ),
  )

  app.get('/place/:slug/nearby', (c) =>
    withPlace(c, (place) => {
      const kind = kindOf(c.req.query('kind'))
      return show(
        c,
        'nearby',
        <div>
          {KINDS.map((one) => (
            <a href={`${pathOf(place)}/nearby?kind=${one}`}>{one}</a>
          ))}
          <Places
            places={state.nearby(atlasOf(c), place, kind).slice(0, 4)}
            values={(other) => [state.minutes(place, other, 'walk')]}
          />
        </div>,
      )
    }),
  )

  for (const verb of ['save', 'unsave'] as const) {
    app.post(`/place/:slug/${verb}`, (c) =>
      withPlace(c, (place) => {
        state.save(atlasOf(c), place, verb === 'save')
        return seeOther(c, pathOf(place))
      }),
    )
  }
  for (const spot of ['home', 'work'] as const) {
    app.post(`/place/:slug/${spot}`, (c) =>
      withPlace(c, (place) => {
        state.setSpot(atlasOf(c), spot, place)
        return seeOther(c, '/account')
      }),
    )
  }
}

function routes(app: SiteApp): void {
  app.get('/route', (c) => {
    const names = { from: c.req.query('from') ?? '', to: c.req.query('to') ?? '' }
    const [from, to] = [state.placeNamed(atlasOf(c), names.from), state.placeNamed(atlasOf(c), names.to)]
    if (!from || !to || from === to) {
      return show(
        c,
        'route',
        <form method="get" action="/route">
          <TextField name="from" value={names.from} />
          <TextField name="to" value={names.to} />
          <button type="submit">show</button>
        </form>,
        names.from || names.to ? 'unknown place' : undefined,
      )
    }
    return show(
      c,
      'minutes',
      <div>
        {MODES.map((mode) => (
          <Fact label={mode} value={state.minutes(from, to, mode)} />
        ))}
        {MODES.map((mode) => (
          <PostButton action="/route" text={`save ${mode}`} fields={{ from: from.name, to: to.name, mode }} />
        ))}
      </div>,
    )
  })

  app.post('/route', async (c) => {
    const fields = await form(c)
    const from = state.placeNamed(atlasOf(c), fields.get('from') ?? '')
    const to = state.placeNamed(atlasOf(c), fields.get('to') ?? '')
    const mode = MODES.find((known) => known === fields.get('mode'))
    if (!from || !to || !mode) return missing(c)
    state.saveRoute(atlasOf(c), from, to, mode)
    return seeOther(c, '/routes')
  })

  app.get('/routes', (c) =>
    show(
      c,
      'routes',
      <ul>
        {atlasOf(c)
          .routes.slice(0, 5)
          .map((route) => (
            <li>{route}</li>
          ))}
      </ul>,
    ),
  )
}

function own(app: SiteApp): void {
  app.get('/saved', (c) => {
    const list = paginate(
      atlasOf(c).places.filter((place) => place.saved),
      whole(c.req.query('page')),
    )
    return show(
      c,
      'saved',
      <div>
        <Places places={list.rows} />
        <Pager page={list.page} pages={list.pages} href={(page) => `/saved?page=${page}`} />
      </div>,
    )
  })

  app.get('/account', (c) => {
    const atlas = atlasOf(c)
    return show(
      c,
      'account',
      <div>
        <Fact label="home" value={atlas.home} />
        <Fact label="work" value={atlas.work} />
        <Fact label="changes" value={atlas.changes.count} />
        <a href="/routes">routes</a>
      </div>,
    )
  })

  app.get('/place/:slug/note', (c) =>
    withPlace(c, (place) =>
      show(
        c,
        'note',
        <div>
          <Fact label="now" value={place.note === '' ? 'none' : place.note} />
          <form method="post" action={`${pathOf(place)}/note`}>
            <TextField name="text" />
            <button type="submit">keep</button>
          </form>
          <a href={pathOf(place)}>cancel</a>
        </div>,
      ),
    ),
  )

  app.post('/place/:slug/note', (c) =>
    withPlace(c, async (place) => {
      state.setNote(atlasOf(c), place, ((await form(c)).get('text') ?? '').trim())
      return seeOther(c, `${pathOf(place)}/note`)
    }),
  )

  app.get('/place/:slug/review', (c) =>
    withPlace(c, (place) =>
      show(
        c,
        'review',
        <div>
          {place.review ? <Fact label="given" value={place.review.stars} /> : null}
          {place.review ? <Fact label="said" value={place.review.text} /> : null}
          <form method="post" action={`${pathOf(place)}/review`}>
            <SelectField name="stars" options={STARS} />
            <TextField name="text" />
            <button type="submit">send</button>
          </form>
          <a href={pathOf(place)}>cancel</a>
        </div>,
      ),
    ),
  )

  app.post('/place/:slug/review', (c) =>
    withPlace(c, async (place) => {
      const fields = await form(c)
      const stars = whole(fields.get('stars'))
      const text = (fields.get('text') ?? '').trim()
      if (text !== '' && stars >= 1 && stars <= 5) state.review(atlasOf(c), place, stars, text)
      return seeOther(c, `${pathOf(place)}/review`)
    }),
  )
}
