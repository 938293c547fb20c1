/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/**
 * Pages about posts: sections, search, a post with its comments, and the forms that change them. Names are links,
 * numbers stand in an element of their own, nothing is shown twice.
 */
import type { Origins } from '../kit.ts'
import { Fact, Pager, PostButton, paginate, Row, SearchBox, SelectField, TextField } from '../layout.tsx'
import { SiteLinks } from '../links.tsx'
import type { Comment, Forum, Post } from './data.ts'
import { Frame } from './frame.tsx'
import { postsIn } from './state.ts'
import { REPORT_REASONS } from './words.ts'

export const postPath = (post: Post) => `/post/${post.id}`

export function Home({ forum, origins }: { forum: Forum; origins: Origins }) {
  return (
    <Frame title="forum">
      <SearchBox action="/search" />
      <ul>
        {forum.sections.map((section) => (
          <Row href={`/section/${section.name}`} text={section.name} />
        ))}
      </ul>
      <SiteLinks here="forum" origins={origins} />
    </Frame>
  )
}

export function SectionPage(props: { forum: Forum; name: string; page: number; top: boolean }) {
  const { forum, name, top } = props
  const posts = postsIn(forum, name)
  if (top) posts.sort((a, b) => b.score - a.score)
  const list = paginate(posts, props.page, 4)
  const subscribed = forum.sections.find((s) => s.name === name)?.subscribed === true
  const path = `/section/${name}`
  return (
    <Frame title={name}>
      <a href={`${path}/new`}>new post</a>
      {top ? <a href={path}>newest</a> : <a href={`${path}?sort=top`}>top</a>}
      <PostButton action={`${path}/${subscribed ? 'leave' : 'join'}`} text={subscribed ? 'leave' : 'join'} />
      <ul>
        {list.rows.map((post) => (
          <Row href={postPath(post)} text={post.title} />
        ))}
      </ul>
      <Pager page={list.page} pages={list.pages} href={(n) => `${path}?${top ? 'sort=top&' : ''}page=${n}`} />
    </Frame>
  )
}

export function SearchPage({ forum, query }: { forum: Forum; query: string }) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const hits = forum.posts.filter(
    (p) => !p.deleted && words.every((word) => p.title.split(' ').includes(word)),
  )
  return (
    <Frame title="results">
      <SearchBox action="/search" />
      <ul>
        {hits.slice(0, 5).map((post) => (
          <Row href={postPath(post)} text={post.title} />
        ))}
      </ul>
    </Frame>
  )
}

/** "You voted up" and the like: what evaluation and the user both read. */
function Voted({ target }: { target: Post | Comment }) {
  return target.vote ? <Fact label="voted" value={target.vote} /> : null
}

export function PostPage({ forum, post, notice }: { forum: Forum; post: Post; notice?: string }) {
  if (post.deleted) return <Frame title="deleted" />
  const path = postPath(post)
  return (
    <Frame title={post.title} {...(notice === undefined ? {} : { notice })}>
      <p id="text">{post.text}</p>
      <a href={`/section/${post.section}`}>{post.section}</a>
      <Fact label="votes" value={post.score} />
      <Voted target={post} />
      <a href={`${path}/comments`}>comments</a>
      {forum.user === undefined ? null : <a href={`${path}/reply`}>reply</a>}
      {post.author === forum.user ? (
        <>
          <a href={`${path}/edit`}>edit</a>
          <a href={`${path}/delete`}>delete</a>
        </>
      ) : (
        <>
          <a href={`/user/${post.author}`}>{post.author}</a>
          <PostButton action={`${path}/up`} text="upvote" />
          <PostButton action={`${path}/down`} text="downvote" />
          <a href={`${path}/report`}>report</a>
        </>
      )}
    </Frame>
  )
}

export function CommentsPage({ post, page }: { post: Post; page: number }) {
  const list = paginate(post.comments, page)
  return (
    <Frame title="comments">
      <a href={postPath(post)}>{post.title}</a>
      <ul id="comments">
        {list.rows.map((comment) => (
          <Row href={`/comment/${comment.id}`} text={comment.text} values={[comment.author, comment.score]} />
        ))}
      </ul>
      <Pager page={list.page} pages={list.pages} href={(n) => `${postPath(post)}/comments?page=${n}`} />
    </Frame>
  )
}

export function CommentPage({ forum, post, comment }: { forum: Forum; post: Post; comment: Comment }) {
  return (
    <Frame title={comment.text}>
      <a href={postPath(post)}>{post.title}</a>
      <a href={`/user/${comment.author}`}>{comment.author}</a>
      <Fact label="votes" value={comment.score} />
      <Voted target={comment} />
      {comment.author === forum.user ? null : (
        <>
          <PostButton action={`/comment/${comment.id}/up`} text="upvote" />
          <PostButton action={`/comment/${comment.id}/down`} text="downvote" />
        </>
      )}
    </Frame>
  )
}

export function ReplyPage({ post }: { post: Post }) {
  return (
    <Frame title="reply">
      <form method="post" action={`${postPath(post)}/reply`}>
        <TextField name="comment" />
        <button type="submit">send</button>
      </form>
      <a href={postPath(post)}>cancel</a>
    </Frame>
  )
}

export function NewPostPage({ section, notice }: { section: string; notice?: string }) {
  return (
    <Frame title="new post" {...(notice === undefined ? {} : { notice })}>
      <form method="post" action={`/section/${section}/new`}>
        <TextField name="title" />
        <TextField name="text" />
        <button type="submit" name="act" value="publish">
          publish
        </button>
        <button type="submit" name="act" value="draft">
          draft
        </button>
      </form>
    </Frame>
  )
}

export function EditPage({ post }: { post: Post }) {
  return (
    <Frame title="edit">
      <form method="post" action={`${postPath(post)}/edit`}>
        <TextField name="text" value={post.text} />
        <button type="submit">save</button>
      </form>
      <a href={postPath(post)}>cancel</a>
    </Frame>
  )
}

export function DeletePage({ post }: { post: Post }) {
  return (
    <Frame title="delete">
      <p>{post.title}</p>
      <PostButton action={`${postPath(post)}/delete`} text="confirm" />
      <a href={postPath(post)}>keep</a>
    </Frame>
  )
}

export function ReportPage({ post }: { post: Post }) {
  return (
    <Frame title="report">
      <form method="post" action={`${postPath(post)}/report`}>
        <SelectField name="reason" options={REPORT_REASONS} />
        <button type="submit">send</button>
      </form>
      <a href={postPath(post)}>cancel</a>
    </Frame>
  )
}

export function ReportedPage({ post }: { post: Post }) {
  return (
    <Frame title="reported">
      <a href={postPath(post)}>{post.title}</a>
      <Fact label="reason" value={post.report ?? 'none'} />
    </Frame>
  )
}
