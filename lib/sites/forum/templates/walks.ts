/**
 * What the forum's templates share: drawing posts and texts that make sense in a world, the clicks that lead to
 * a page, and the questions oracles and evaluation ask.
 */
import type { ProgramHtml } from '../../../tasks/task.ts'
import type { Action } from '../../../web/action.ts'
import { at, click, textIs, turnTo } from '../../authoring.ts'
import type { OracleView, Origins, Params, Rng, World } from '../../kit.ts'
import { pairs } from '../../lexicon.ts'
import { type Comment, ME, type Post } from '../data.ts'
import { forumOf, postsIn } from '../state.ts'
import { ASPECTS, OPINIONS } from '../words.ts'

/** Rows of one page of a section. */
export const SECTION_ROWS = 4

/** A parameter as text. */
export const word = (params: Params, name: string): string => String(params[name])

/** A post by somebody else. */
export function drawPost(world: World, rng: Rng): Post {
  return rng.pick(forumOf(world).posts.filter((post) => post.author !== ME))
}

export function drawOwnPost(world: World, rng: Rng): Post {
  return rng.pick(forumOf(world).posts.filter((post) => post.author === ME))
}

/** A two-word text nobody has written under `post`. */
export function drawText(rng: Rng, post?: Post): string {
  const taken = new Set([post?.text, ...(post?.comments ?? []).map((comment) => comment.text)])
  return rng.pick(pairs(OPINIONS, ASPECTS).filter((text) => !taken.has(text)))
}

/** The post with this title, deleted or not; titles are unique when a world begins. */
export function post(world: World, params: Params): Post {
  const title = word(params, 'post')
  const found = forumOf(world).posts.find((p) => p.title === title)
  if (!found) throw new Error(`the forum of world ${world.seed} has no post "${title}"`)
  return found
}

export function comment(world: World, params: Params): Comment {
  const text = word(params, 'comment')
  const found = post(world, params).comments.find((c) => c.text === text)
  if (!found) throw new Error(`the post "${word(params, 'post')}" has no comment "${text}"`)
  return found
}

/** From the forum's home page to a post, through its section. */
export function toPost(world: World, params: Params): Action[] {
  const { section, title } = post(world, params)
  const index = postsIn(forumOf(world), section).findIndex((p) => p.title === title)
  return [click(section), ...turnTo(index, SECTION_ROWS), click(title)]
}

/** From the forum's home page to one of one's own posts. */
export function toOwnPost(world: World, params: Params): Action[] {
  const own = forumOf(world).posts.filter((p) => p.author === ME)
  const index = own.findIndex((p) => p.title === word(params, 'post'))
  return [click('account'), click('posts'), ...turnTo(index, 5), click(word(params, 'post'))]
}

export const postUrl = (world: World, params: Params, origins: Origins, rest = ''): string =>
  `${origins.forum}/post/${post(world, params).id}${rest}`

/** The user has changed exactly `n` things in this forum. */
export const changed = (origins: Origins, n: number): ProgramHtml =>
  textIs(`${origins.forum}/me`, '#changes', n)

export const inSection = (view: OracleView): boolean =>
  at(view, 'forum', new RegExp(`^/section/${post(view.world, view.params).section}(\\?|$)`))

export const onPost = (view: OracleView, rest = ''): boolean =>
  at(view, 'forum', `/post/${post(view.world, view.params).id}${rest}`)

export const onUser = (view: OracleView, name: string): boolean => at(view, 'forum', `/user/${name}`)

/** The post with most votes in the section the parameters name. */
export function topPost(world: World, params: Params): Post {
  const posts = postsIn(forumOf(world), word(params, 'section'))
  return posts.reduce((best, one) => (one.score > best.score ? one : best))
}
