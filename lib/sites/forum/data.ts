/**
 * The forum's data: sections, people, posts and comments of one world, drawn from one Rng. Titles are unique in
 * the forum, comment texts within a post, and the scores within a post or a section differ, so that "the most
 * voted" has one answer.
 */
import { Changes } from '../changes.ts'
import { distinctNumbers, unsortedNumbers } from '../draws.ts'
import type { Rng, World } from '../kit.ts'
import { pairs } from '../lexicon.ts'
import { ASPECTS, MOODS, OPINIONS, PASSWORDS, PEOPLE, SECTIONS, TOPICS } from './words.ts'

/** The person the episode is signed in as. */
export const ME = 'sam'

export type Vote = 'up' | 'down'

export interface Comment {
  id: number
  author: string
  text: string
  score: number
  vote?: Vote
}

export interface Post {
  id: number
  section: string
  title: string
  text: string
  author: string
  score: number
  vote?: Vote
  comments: Comment[]
  deleted?: boolean
  report?: string
  /** The text the world began with, once it has been edited. */
  original?: string
}

export interface User {
  name: string
  password: string
  karma: number
  /** Number of people who follow this user. */
  followers: number
  followed: boolean
  /** Texts sent to this user in this world. */
  messages: string[]
}

export interface Forum {
  sections: { name: string; subscribed: boolean }[]
  posts: Post[]
  users: Map<string, User>
  drafts: { title: string; text: string }[]
  /** The signed-in user, as the world's session says: a new world is signed in, '' means signed out. */
  readonly user: string | undefined
  nextId: number
  changes: Changes
}

const POSTS_PER_SECTION = 7

export function makeForum(rng: Rng, session: World['session']): Forum {
  const names = rng.shuffle(PEOPLE).slice(0, 8)
  const people = [ME, ...names]
  const numbers = distinctNumbers(rng, people.length * 2)
  const passwords = rng.shuffle(PASSWORDS)
  const users = new Map<string, User>()
  people.forEach((name, i) => {
    users.set(name, {
      name,
      password: passwords[i] as string,
      karma: numbers[2 * i] as number,
      followers: numbers[2 * i + 1] as number,
      followed: false,
      messages: [],
    })
  })
  const sections = rng.shuffle(SECTIONS).slice(0, 5)
  const titles = rng.shuffle(pairs(MOODS, TOPICS))
  let nextId = 10
  const posts: Post[] = []
  for (const section of sections) {
    const scores = unsortedNumbers(rng, POSTS_PER_SECTION)
    const mine = rng.int(POSTS_PER_SECTION)
    for (let i = 0; i < POSTS_PER_SECTION; i++) {
      const author = i === mine ? ME : rng.pick(names)
      const id = nextId++
      posts.push({
        id,
        section,
        title: titles.pop() as string,
        text: `${rng.pick(OPINIONS)} ${rng.pick(ASPECTS)}`,
        author,
        score: scores[i] as number,
        comments: makeComments(rng, author, names, () => nextId++),
      })
    }
  }
  return {
    sections: sections.map((name) => ({ name, subscribed: false })),
    posts,
    users,
    drafts: [],
    get user() {
      const name = session.get('forum') ?? ME
      return name === '' ? undefined : name
    },
    nextId: nextId + 100,
    changes: new Changes(),
  }
}

/** Two to four comments by different people, none of them the post's author. */
function makeComments(rng: Rng, author: string, names: string[], newId: () => number): Comment[] {
  const n = 2 + rng.int(3)
  const scores = unsortedNumbers(rng, n)
  const texts = rng.shuffle(pairs(OPINIONS, ASPECTS)).slice(0, n)
  const others = rng.shuffle(names.filter((name) => name !== author))
  return texts.map((text, i) => ({
    id: newId(),
    author: others[i] as string,
    text,
    score: scores[i] as number,
  }))
}
