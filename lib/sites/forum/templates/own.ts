/** One's own posts: publishing, rewriting and deleting them. */
import { at, click, exit, pagesShow, search, textIs, typeIn } from '../../authoring.ts'
import type { Params, Template, World } from '../../kit.ts'
import { pairs } from '../../lexicon.ts'
import { earlyExit, siblingButton } from '../../slips.ts'
import type { Post } from '../data.ts'
import { forumOf } from '../state.ts'
import { MOODS, TOPICS } from '../words.ts'
import * as w from './walks.ts'

const published = (world: World, p: Params): Post | undefined =>
  forumOf(world).posts.find((post) => post.title === p.title)

export const newPost: Template = {
  id: 'forum/new-post',
  sites: ['forum'],
  draw(world, rng) {
    const forum = forumOf(world)
    const taken = new Set(forum.posts.map((post) => post.title))
    const title = rng.pick(pairs(MOODS, TOPICS).filter((text) => !taken.has(text)))
    return { section: rng.pick(forum.sections).name, title, text: w.drawText(rng) }
  },
  intent: (p) => `Publish a post in "${p.section}" with the title "${p.title}" and the text "${p.text}".`,
  evaluate(_world, p, origins) {
    const url = `${origins.forum}/section/${p.section}`
    return pagesShow([
      textIs(url, 'li:first-child a', w.word(p, 'title')),
      // Found through its own address, which only exists once it is published.
      textIs(`${origins.forum}/titled/${w.word(p, 'title').replace(' ', '-')}`, '#text', w.word(p, 'text')),
      w.changed(origins, 1),
    ])
  },
  milestones: [
    {
      text: 'The section "{section}" is open',
      reached: (v) => at(v, 'forum', `/section/${v.params.section}`),
    },
    { text: 'The form is open', reached: (v) => at(v, 'forum', `/section/${v.params.section}/new`) },
    { text: 'A post has this title', reached: (v) => published(v.world, v.params) !== undefined },
    {
      text: 'It has this text and the agent leaves',
      reached: (v) => v.answer !== undefined && published(v.world, v.params)?.text === v.params.text,
    },
  ],
  expert: (_world, p) => [
    click(w.word(p, 'section')),
    click('new post'),
    typeIn('title', w.word(p, 'title')),
    typeIn('text', w.word(p, 'text')),
    click('publish'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'publish', 'draft'), earlyExit(right)]
  },
}

export const rewritePost: Template = {
  id: 'forum/rewrite-post',
  sites: ['forum'],
  draw(world, rng) {
    const post = w.drawOwnPost(world, rng)
    return { post: post.title, text: w.drawText(rng, post) }
  },
  intent: (p) => `Change the text of your post "${p.post}" to "${p.text}".`,
  evaluate: (world, p, origins) =>
    pagesShow([textIs(w.postUrl(world, p, origins), '#text', w.word(p, 'text')), w.changed(origins, 1)]),
  milestones: [
    { text: 'Own posts are listed', reached: (v) => at(v, 'forum', /^\/me\/posts/) },
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'The edit form is open', reached: (v) => w.onPost(v, '/edit') },
    { text: 'The post has the new text', reached: (v) => w.post(v.world, v.params).text === v.params.text },
  ],
  expert: (world, p) => [
    ...w.toOwnPost(world, p),
    click('edit'),
    typeIn('text', w.word(p, 'text')),
    click('save'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'save', 'cancel'), earlyExit(right)]
  },
}

export const deletePost: Template = {
  id: 'forum/delete-post',
  sites: ['forum'],
  draw: (world, rng) => ({ post: w.drawOwnPost(world, rng).title }),
  intent: (p) => `Delete your post "${p.post}".`,
  evaluate: (world, p, origins) =>
    pagesShow([textIs(w.postUrl(world, p, origins), 'h1', 'deleted'), w.changed(origins, 1)]),
  milestones: [
    { text: 'Own posts are listed', reached: (v) => at(v, 'forum', /^\/me\/posts/) },
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'The question whether to delete it is shown', reached: (v) => w.onPost(v, '/delete') },
    { text: 'The post is deleted', reached: (v) => w.post(v.world, v.params).deleted === true },
  ],
  expert: (world, p) => [...w.toOwnPost(world, p), click('delete'), click('confirm'), exit()],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'confirm', 'keep'), earlyExit(right)]
  },
}

/** Held out of training: found by searching, then subscribed to where it stands. */
export const joinSection: Template = {
  id: 'forum/join-section-of',
  sites: ['forum'],
  novel: true,
  draw: (world, rng) => ({ post: w.drawPost(world, rng).title }),
  intent: (p) => `Join the section of the post "${p.post}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(`${origins.forum}/section/${w.post(world, p).section}`, 'form button', 'leave'),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The search shows results', reached: (v) => at(v, 'forum', /^\/search/) },
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'Its section is open', reached: w.inSection },
    {
      text: 'The section is joined',
      reached: (v) =>
        forumOf(v.world).sections.some((s) => s.name === w.post(v.world, v.params).section && s.subscribed),
    },
  ],
  expert: (world, p) => [
    search('search', w.word(p, 'post')),
    click(w.word(p, 'post')),
    click(w.post(world, p).section),
    click('join'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const forum = forumOf(world)
    const other = forum.sections.find((s) => s.name !== w.post(world, p).section)?.name as string
    const elsewhere = [...right.slice(0, 2), click('home'), click(other), click('join'), exit()]
    return [earlyExit(right), { kind: 'sibling-button', actions: elsewhere }]
  },
}
