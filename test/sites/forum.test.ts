/** The forum: its templates, and the rules of voting, ownership and signing in that they rely on. */
import { describe, expect, test } from 'vitest'
import * as forum from '../../lib/sites/forum/index.ts'
import { forumOf, postsIn, remove, signIn, signOut, vote } from '../../lib/sites/forum/state.ts'
import { createWorld } from '../../lib/sites/world.ts'
import { readableSuite } from './templates.ts'

readableSuite(forum.templates)

describe('forum rules', () => {
  test('a vote changes the score once, and the same vote again takes it back', () => {
    const f = forumOf(createWorld(3))
    const post = f.posts.find((p) => p.author !== f.user)
    if (!post) throw new Error('the world has no post by somebody else')
    const before = post.score
    vote(f, post, 'up')
    expect([post.score, f.changes.count]).toEqual([before + 1, 1])
    vote(f, post, 'down')
    expect([post.score, f.changes.count]).toEqual([before - 1, 1])
    vote(f, post, 'down')
    expect([post.score, f.changes.count]).toEqual([before, 0])
  })

  test('nobody votes on, or deletes, what is not theirs to', () => {
    const world = createWorld(4)
    const f = forumOf(world)
    const mine = f.posts.find((p) => p.author === f.user)
    const other = f.posts.find((p) => p.author !== f.user)
    if (!mine || !other) throw new Error('the world lacks posts')
    expect(vote(f, mine, 'up')).toBe(false)
    expect(remove(f, other)).toBe(false)
    signOut(world)
    expect(vote(f, other, 'up')).toBe(false)
    expect(f.changes.count).toBe(0)
  })

  test('a wrong password leaves the user signed out', () => {
    const world = createWorld(5)
    const f = forumOf(world)
    const [name, user] = [...f.users][1] ?? []
    signOut(world)
    expect(signIn(world, String(name), 'nonsense')).toBe(false)
    expect(f.user).toBeUndefined()
    expect(signIn(world, String(name), String(user?.password))).toBe(true)
    expect(f.user).toBe(name)
  })

  test('titles and scores are unique where tasks rely on it', () => {
    for (let seed = 0; seed < 50; seed++) {
      const f = forumOf(createWorld(seed))
      expect(new Set(f.posts.map((p) => p.title)).size).toBe(f.posts.length)
      for (const { name } of f.sections) {
        const scores = postsIn(f, name).map((p) => p.score)
        expect(new Set(scores).size).toBe(scores.length)
      }
    }
  })
})
