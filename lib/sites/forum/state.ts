/**
 * What can happen in the forum: every change a signed-in user can make, as functions over one world's Forum.
 * Nothing here knows about pages. Functions return false when the change is not allowed.
 */
import type { World } from '../kit.ts'
import { type Comment, type Forum, makeForum, type Post, type User, type Vote } from './data.ts'

export function forumOf(world: World): Forum {
  return world.state('forum', (rng) => makeForum(rng, world.session))
}

export const postsIn = (forum: Forum, section: string): Post[] =>
  forum.posts.filter((post) => post.section === section && !post.deleted)

export const postById = (forum: Forum, id: number): Post | undefined => forum.posts.find((p) => p.id === id)

export const postByTitle = (forum: Forum, title: string): Post | undefined =>
  forum.posts.find((p) => p.title === title && !p.deleted)

export function commentById(forum: Forum, id: number): { post: Post; comment: Comment } | undefined {
  for (const post of forum.posts) {
    const comment = post.comments.find((c) => c.id === id)
    if (comment) return { post, comment }
  }
  return undefined
}

/** Voting the same way twice takes the vote back; one's own texts cannot be voted on. */
export function vote(forum: Forum, target: Post | Comment, way: Vote): boolean {
  if (!forum.user || target.author === forum.user) return false
  const worth = (v: Vote | undefined) => (v === 'up' ? 1 : v === 'down' ? -1 : 0)
  const before = worth(target.vote)
  if (target.vote === way) delete target.vote
  else target.vote = way
  target.score += worth(target.vote) - before
  forum.changes.setting(`vote ${target.id}`, target.vote ?? '', '')
  return true
}

export function publish(forum: Forum, section: string, title: string, text: string): Post | undefined {
  if (!forum.user || title === '') return undefined
  const post: Post = { id: forum.nextId++, section, title, text, author: forum.user, score: 1, comments: [] }
  forum.posts.unshift(post)
  forum.changes.set(`post ${post.id}`)
  return post
}

export function saveDraft(forum: Forum, title: string, text: string): void {
  forum.drafts.push({ title, text })
  forum.changes.set(`draft ${forum.drafts.length}`)
}

export function reply(forum: Forum, post: Post, text: string): Comment | undefined {
  if (!forum.user || text === '') return undefined
  const comment: Comment = { id: forum.nextId++, author: forum.user, text, score: 1 }
  post.comments.unshift(comment)
  forum.changes.set(`comment ${comment.id}`)
  return comment
}

export function edit(forum: Forum, post: Post, text: string): boolean {
  if (post.author !== forum.user) return false
  post.original ??= post.text
  post.text = text
  forum.changes.setting(`text ${post.id}`, text, post.original)
  return true
}

export function remove(forum: Forum, post: Post): boolean {
  if (post.author !== forum.user) return false
  post.deleted = true
  forum.changes.set(`delete ${post.id}`)
  return true
}

export function subscribe(forum: Forum, name: string, on: boolean): void {
  const section = forum.sections.find((s) => s.name === name)
  if (!section || !forum.user) return
  section.subscribed = on
  forum.changes.setting(`section ${name}`, String(on), 'false')
}

export function follow(forum: Forum, user: User, on: boolean): void {
  if (!forum.user || user.followed === on) return
  user.followed = on
  user.followers += on ? 1 : -1
  forum.changes.setting(`follow ${user.name}`, String(on), 'false')
}

export function message(forum: Forum, user: User, text: string): boolean {
  if (!forum.user || text === '') return false
  user.messages.push(text)
  forum.changes.set(`message ${user.name} ${user.messages.length}`)
  return true
}

export function report(forum: Forum, post: Post, reason: string): void {
  if (!forum.user) return
  post.report = reason
  forum.changes.set(`report ${post.id}`)
}

export function signIn(world: World, name: string, password: string): boolean {
  if (forumOf(world).users.get(name)?.password !== password) return false
  world.session.set('forum', name)
  return true
}

export function signOut(world: World): void {
  world.session.set('forum', '')
}
