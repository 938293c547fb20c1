/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** Pages about people: profiles, messages, one's own account and posts, signing in. */
import { Fact, Pager, PostButton, paginate, Row, TextField } from '../layout.tsx'
import type { Forum, User } from './data.ts'
import { Frame } from './frame.tsx'
import { postPath } from './pages.tsx'

export function UserPage({ user }: { user: User }) {
  const path = `/user/${user.name}`
  return (
    <Frame title={user.name}>
      <Fact label="karma" value={user.karma} />
      <Fact label="followers" value={user.followers} />
      {user.followed ? <Fact label="followed" value="yes" /> : null}
      <PostButton
        action={`${path}/${user.followed ? 'unfollow' : 'follow'}`}
        text={user.followed ? 'unfollow' : 'follow'}
      />
      <a href={`${path}/message`}>message</a>
    </Frame>
  )
}

export function MessagePage({ user, sent }: { user: User; sent: boolean }) {
  const last = user.messages.at(-1)
  return (
    <Frame title="message" {...(sent ? { notice: 'sent' } : {})}>
      {last === undefined ? null : <Fact label="last" value={last} />}
      <form method="post" action={`/user/${user.name}/message`}>
        <TextField name="text" />
        <button type="submit">send</button>
      </form>
      <a href={`/user/${user.name}`}>cancel</a>
    </Frame>
  )
}

export function AccountPage({ forum, notice }: { forum: Forum; notice?: string }) {
  if (forum.user === undefined) return <SignInPage {...(notice === undefined ? {} : { notice })} />
  const user = forum.users.get(forum.user)
  return (
    <Frame title="account">
      <Fact label="user" value={forum.user} />
      <Fact label="karma" value={user?.karma ?? 0} />
      <Fact label="changes" value={forum.changes.count} />
      <a href="/me/posts">posts</a>
      <PostButton action="/logout" text="sign out" />
    </Frame>
  )
}

export function SignInPage({ notice }: { notice?: string }) {
  return (
    <Frame title="sign in" {...(notice === undefined ? {} : { notice })}>
      <form method="post" action="/login">
        <TextField name="name" />
        <TextField name="password" type="password" />
        <button type="submit">enter</button>
      </form>
    </Frame>
  )
}

export function MyPostsPage({ forum, page }: { forum: Forum; page: number }) {
  const list = paginate(
    forum.posts.filter((p) => p.author === forum.user && !p.deleted),
    page,
  )
  return (
    <Frame title="posts">
      <ul>
        {list.rows.map((post) => (
          <Row href={postPath(post)} text={post.title} />
        ))}
      </ul>
      <Pager page={list.page} pages={list.pages} href={(n) => `/me/posts?page=${n}`} />
    </Frame>
  )
}
