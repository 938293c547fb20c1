/** Comments: writing one, and finding who wrote one in order to read about or follow that person. */
import { answered, answerIs, at, click, exit, pagesShow, textIs, typeIn } from '../../authoring.ts'
import type { Params, Template, World } from '../../kit.ts'
import { earlyExit, siblingButton, wrongAnswer } from '../../slips.ts'
import { type Comment, ME, type Post } from '../data.ts'
import { forumOf, postsIn } from '../state.ts'
import * as w from './walks.ts'

const NEWEST = '#comments li:first-child'

export const writeComment: Template = {
  id: 'forum/write-comment',
  sites: ['forum'],
  draw(world, rng) {
    const post = w.drawPost(world, rng)
    return { post: post.title, section: post.section, text: w.drawText(rng, post) }
  },
  intent: (p) => `Reply "${p.text}" to the post "${p.post}" in "${p.section}".`,
  evaluate(world, p, origins) {
    const url = w.postUrl(world, p, origins, '/comments')
    return pagesShow([textIs(url, `${NEWEST} a`, w.word(p, 'text')), w.changed(origins, 1)])
  },
  milestones: [
    { text: 'The section "{section}" is open', reached: w.inSection },
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'The reply form is open', reached: (v) => w.onPost(v, '/reply') },
    {
      text: 'The comment stands under the post',
      reached: (v) => w.post(v.world, v.params).comments.some((c) => c.text === v.params.text),
    },
  ],
  expert: (world, p) => [
    ...w.toPost(world, p),
    click('reply'),
    typeIn('comment', w.word(p, 'text')),
    click('send'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'send', 'cancel'), earlyExit(right)]
  },
}

/** The post is known by its rank alone; the first of the usual order is the tempting one. */
export const replyToTop: Template = {
  id: 'forum/reply-to-top',
  sites: ['forum'],
  draw: (world, rng) => ({ text: w.drawText(rng), section: rng.pick(forumOf(world).sections).name }),
  intent: (p) => `Reply "${p.text}" to the top post in "${p.section}".`,
  evaluate(world, p, origins) {
    const url = `${origins.forum}/post/${w.topPost(world, p).id}/comments`
    return pagesShow([textIs(url, `${NEWEST} a`, w.word(p, 'text')), w.changed(origins, 1)])
  },
  milestones: [
    {
      text: 'The section "{section}" is sorted by votes',
      reached: (v) => at(v, 'forum', `/section/${v.params.section}?sort=top`),
    },
    {
      text: 'The top post is open',
      reached: (v) => at(v, 'forum', `/post/${w.topPost(v.world, v.params).id}`),
    },
    {
      text: 'The reply form is open',
      reached: (v) => at(v, 'forum', `/post/${w.topPost(v.world, v.params).id}/reply`),
    },
    {
      text: 'The comment stands under the top post',
      reached: (v) => w.topPost(v.world, v.params).comments[0]?.author === ME,
    },
  ],
  expert: (world, p) => [
    click(w.word(p, 'section')),
    click('top'),
    click(w.topPost(world, p).title),
    click('reply'),
    typeIn('comment', w.word(p, 'text')),
    click('send'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const first = postsIn(forumOf(world), w.word(p, 'section'))[0] as Post
    const actions = [click(w.word(p, 'section')), click(first.title), ...right.slice(3)]
    return [{ kind: 'wrong-field', actions }, siblingButton(right, 'send', 'cancel'), earlyExit(right)]
  },
}

export const followCommenter: Template = {
  id: 'forum/follow-commenter',
  sites: ['forum'],
  draw(world, rng) {
    const post = w.drawPost(world, rng)
    return { post: post.title, section: post.section, comment: rng.pick(post.comments).text }
  },
  intent: (p) => `Follow the author of the comment "${p.comment}" on the post "${p.post}" in "${p.section}".`,
  evaluate(world, p, origins) {
    const author = forumOf(world).users.get(w.comment(world, p).author)
    const url = `${origins.forum}/user/${author?.name}`
    return pagesShow([textIs(url, '#followed', 'yes'), w.changed(origins, 1)])
  },
  milestones: [
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'The comments are shown', reached: (v) => w.onPost(v, '/comments') },
    { text: 'The author is shown', reached: (v) => w.onUser(v, w.comment(v.world, v.params).author) },
    {
      text: 'The author is followed',
      reached: (v) => forumOf(v.world).users.get(w.comment(v.world, v.params).author)?.followed === true,
    },
  ],
  expert(world, p) {
    const { text, author } = w.comment(world, p)
    return [...w.toPost(world, p), click('comments'), click(text), click(author), click('follow'), exit()]
  },
  slips(world, p) {
    const right = this.expert(world, p)
    const short = [...w.toPost(world, p), click(w.post(world, p).author), click('follow'), exit()]
    return [{ kind: 'wrong-field', actions: short }, earlyExit(right)]
  },
}

/** Reads a list and then a second page; the first commenter is the tempting person. */
export const topCommenterKarma: Template = {
  id: 'forum/top-commenter-karma',
  sites: ['forum'],
  draw(world, rng) {
    const post = w.drawPost(world, rng)
    return { post: post.title, section: post.section }
  },
  intent: (p) =>
    `How much karma has the author of the top comment on the post "${p.post}" in "${p.section}"?`,
  evaluate: (world, p) => answerIs(karmaOf(world, best(world, p).author)),
  milestones: [
    { text: 'The comments are shown', reached: (v) => w.onPost(v, '/comments') },
    {
      text: 'The top comment is open',
      reached: (v) => v.page.url.endsWith(`/comment/${best(v.world, v.params).id}`),
    },
    { text: 'Its author is shown', reached: (v) => w.onUser(v, best(v.world, v.params).author) },
    {
      text: 'The karma is the answer',
      reached: (v) => answered(v, karmaOf(v.world, best(v.world, v.params).author)),
    },
  ],
  expert(world, p) {
    const { text, author } = best(world, p)
    return [
      ...w.toPost(world, p),
      click('comments'),
      click(text),
      click(author),
      exit(karmaOf(world, author)),
    ]
  },
  slips(world, p) {
    const followers = forumOf(world).users.get(best(world, p).author)?.followers as number
    const first = w.post(world, p).comments[0] as Comment
    const wrongPerson = [
      ...w.toPost(world, p),
      click('comments'),
      click(first.text),
      click(first.author),
      exit(karmaOf(world, first.author)),
    ]
    return [wrongAnswer(this.expert(world, p), followers), { kind: 'wrong-field', actions: wrongPerson }]
  },
}

function best(world: World, params: Params): Comment {
  return w.post(world, params).comments.reduce((a, b) => (b.score > a.score ? b : a))
}

function karmaOf(world: World, name: string): number {
  return forumOf(world).users.get(name)?.karma as number
}
