/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The forum's routes: which page each address shows, and which change each form makes. */
import { form, html, type SiteApp, type SiteContext, seeOther, siteApp, whole } from '../http.ts'
import type { Post, Vote } from './data.ts'
import { MissingPage } from './frame.tsx'
import * as pages from './pages.tsx'
import * as people from './people-pages.tsx'
import * as state from './state.ts'
import { REPORT_REASONS } from './words.ts'

const forumAt = (c: SiteContext) => state.forumOf(c.env.world)
const missing = (c: SiteContext) => html(c, <MissingPage />, 404)
const text = (fields: URLSearchParams, name: string) => (fields.get(name) ?? '').trim()

/** Runs `then` with the post the path names; a post that is gone or unknown is a 404. */
function withPost(c: SiteContext, then: (post: Post) => Response | Promise<Response>) {
  const post = state.postById(forumAt(c), whole(c.req.param('id')))
  return post && !post.deleted ? then(post) : missing(c)
}

export function forumApp(): SiteApp {
  const app = siteApp()
  app.notFound((c) => missing(c))
  app.get('/', (c) => html(c, <pages.Home forum={forumAt(c)} origins={c.env.origins} />))
  app.get('/search', (c) => html(c, <pages.SearchPage forum={forumAt(c)} query={c.req.query('q') ?? ''} />))
  sections(app)
  posts(app)
  comments(app)
  profiles(app)
  account(app)
  return app
}

function sections(app: SiteApp): void {
  const known = (c: SiteContext, name: string) => forumAt(c).sections.some((s) => s.name === name)
  app.get('/section/:name', (c) => {
    const name = c.req.param('name')
    if (!known(c, name)) return missing(c)
    const page = whole(c.req.query('page'))
    return html(
      c,
      <pages.SectionPage forum={forumAt(c)} name={name} page={page} top={c.req.query('sort') === 'top'} />,
    )
  })
  app.get('/section/:name/new', (c) =>
    known(c, c.req.param('name')) ? html(c, <pages.NewPostPage section={c.req.param('name')} />) : missing(c),
  )
  app.post('/section/:name/new', async (c) => {
    const section = c.req.param('name')
    if (!known(c, section)) return missing(c)
    const fields = await form(c)
    const [title, body] = [text(fields, 'title'), text(fields, 'text')]
    if (title === '') return html(c, <pages.NewPostPage section={section} notice="title missing" />, 400)
    if (fields.get('act') === 'draft') {
      state.saveDraft(forumAt(c), title, body)
      return seeOther(c, `/section/${section}`)
    }
    const post = state.publish(forumAt(c), section, title, body)
    return seeOther(c, post ? pages.postPath(post) : '/me')
  })
  for (const [verb, on] of [
    ['join', true],
    ['leave', false],
  ] as const) {
    app.post(`/section/:name/${verb}`, (c) => {
      state.subscribe(forumAt(c), c.req.param('name'), on)
      return seeOther(c, `/section/${c.req.param('name')}`)
    })
  }
}

function posts(app: SiteApp): void {
  // A post's address by its title ("quiet-song"): a link that can be written down before the post exists.
  app.get('/titled/:title', (c) => {
    const post = state.postByTitle(forumAt(c), c.req.param('title').replaceAll('-', ' '))
    return post ? html(c, <pages.PostPage forum={forumAt(c)} post={post} />) : missing(c)
  })
  app.get('/post/:id', (c) => {
    const post = state.postById(forumAt(c), whole(c.req.param('id')))
    return post ? html(c, <pages.PostPage forum={forumAt(c)} post={post} />) : missing(c)
  })
  app.get('/post/:id/comments', (c) =>
    withPost(c, (post) => html(c, <pages.CommentsPage post={post} page={whole(c.req.query('page'))} />)),
  )
  app.get('/post/:id/reply', (c) => withPost(c, (post) => html(c, <pages.ReplyPage post={post} />)))
  app.get('/post/:id/edit', (c) => withPost(c, (post) => html(c, <pages.EditPage post={post} />)))
  app.get('/post/:id/delete', (c) => withPost(c, (post) => html(c, <pages.DeletePage post={post} />)))
  app.get('/post/:id/report', (c) => withPost(c, (post) => html(c, <pages.ReportPage post={post} />)))
  app.get('/post/:id/reported', (c) => withPost(c, (post) => html(c, <pages.ReportedPage post={post} />)))
  for (const way of ['up', 'down'] as const satisfies Vote[]) {
    app.post(`/post/:id/${way}`, (c) =>
      withPost(c, (post) => {
        state.vote(forumAt(c), post, way)
        return seeOther(c, pages.postPath(post))
      }),
    )
  }
  app.post('/post/:id/reply', (c) =>
    withPost(c, async (post) => {
      state.reply(forumAt(c), post, text(await form(c), 'comment'))
      return seeOther(c, `${pages.postPath(post)}/comments`)
    }),
  )
  app.post('/post/:id/edit', (c) =>
    withPost(c, async (post) => {
      state.edit(forumAt(c), post, text(await form(c), 'text'))
      return seeOther(c, pages.postPath(post))
    }),
  )
  app.post('/post/:id/delete', (c) =>
    withPost(c, (post) => {
      state.remove(forumAt(c), post)
      return seeOther(c, pages.postPath(post))
    }),
  )
  app.post('/post/:id/report', (c) =>
    withPost(c, async (post) => {
      const reason = text(await form(c), 'reason')
      if ((REPORT_REASONS as readonly string[]).includes(reason)) state.report(forumAt(c), post, reason)
      return seeOther(c, `${pages.postPath(post)}/reported`)
    }),
  )
}

function comments(app: SiteApp): void {
  app.get('/comment/:id', (c) => {
    const found = state.commentById(forumAt(c), whole(c.req.param('id')))
    return found ? html(c, <pages.CommentPage forum={forumAt(c)} {...found} />) : missing(c)
  })
  for (const way of ['up', 'down'] as const satisfies Vote[]) {
    app.post(`/comment/:id/${way}`, (c) => {
      const found = state.commentById(forumAt(c), whole(c.req.param('id')))
      if (!found) return missing(c)
      state.vote(forumAt(c), found.comment, way)
      return seeOther(c, `/comment/${found.comment.id}`)
    })
  }
}

function profiles(app: SiteApp): void {
  const person = (c: SiteContext) => forumAt(c).users.get(c.req.param('name') ?? '')
  app.get('/user/:name', (c) => {
    const user = person(c)
    return user ? html(c, <people.UserPage user={user} />) : missing(c)
  })
  app.get('/user/:name/message', (c) => {
    const user = person(c)
    return user ? html(c, <people.MessagePage user={user} sent={c.req.query('sent') === '1'} />) : missing(c)
  })
  app.post('/user/:name/message', async (c) => {
    const user = person(c)
    if (!user) return missing(c)
    const sent = state.message(forumAt(c), user, text(await form(c), 'text'))
    return seeOther(c, `/user/${user.name}/message${sent ? '?sent=1' : ''}`)
  })
  for (const [verb, on] of [
    ['follow', true],
    ['unfollow', false],
  ] as const) {
    app.post(`/user/:name/${verb}`, (c) => {
      const user = person(c)
      if (!user) return missing(c)
      state.follow(forumAt(c), user, on)
      return seeOther(c, `/user/${user.name}`)
    })
  }
}

function account(app: SiteApp): void {
  app.get('/me', (c) => html(c, <people.AccountPage forum={forumAt(c)} />))
  app.get('/me/posts', (c) =>
    html(c, <people.MyPostsPage forum={forumAt(c)} page={whole(c.req.query('page'))} />),
  )
  app.post('/logout', (c) => {
    state.signOut(c.env.world)
    return seeOther(c, '/me')
  })
  app.post('/login', async (c) => {
    const fields = await form(c)
    const ok = state.signIn(c.env.world, text(fields, 'name'), text(fields, 'password'))
    return ok ? seeOther(c, '/me') : html(c, <people.SignInPage notice="wrong name or password" />, 400)
  })
}
