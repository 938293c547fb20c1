/** Voting on a post, and on a comment three pages deep; reading a comment's votes. */
import { answered, answerIs, at, click, exit, pagesShow, textIs } from '../../authoring.ts'
import type { Template } from '../../kit.ts'
import { earlyExit, siblingButton, wrongAnswer } from '../../slips.ts'
import * as w from './walks.ts'

export const upvotePost: Template = {
  id: 'forum/upvote-post',
  sites: ['forum'],
  draw(world, rng) {
    const { title, section } = w.drawPost(world, rng)
    return { post: title, section }
  },
  intent: (p) => `Upvote the post "${p.post}" in "${p.section}".`,
  evaluate: (world, p, origins) =>
    pagesShow([textIs(w.postUrl(world, p, origins), '#voted', 'up'), w.changed(origins, 1)]),
  milestones: [
    { text: 'The section "{section}" is open', reached: w.inSection },
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'The post is upvoted', reached: (v) => w.post(v.world, v.params).vote === 'up' },
    {
      text: 'The agent leaves with the vote in place',
      reached: (v) => v.answer !== undefined && w.post(v.world, v.params).vote === 'up',
    },
  ],
  expert: (world, p) => [...w.toPost(world, p), click('upvote'), exit()],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'upvote', 'downvote'), earlyExit(right)]
  },
}

export const downvoteComment: Template = {
  id: 'forum/downvote-comment',
  sites: ['forum'],
  draw(world, rng) {
    const post = w.drawPost(world, rng)
    return { post: post.title, section: post.section, comment: rng.pick(post.comments).text }
  },
  intent: (p) => `Downvote the comment "${p.comment}" on the post "${p.post}" in "${p.section}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(`${origins.forum}/comment/${w.comment(world, p).id}`, '#voted', 'down'),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'The comments are shown', reached: (v) => w.onPost(v, '/comments') },
    {
      text: 'The comment is open',
      reached: (v) => at(v, 'forum', `/comment/${w.comment(v.world, v.params).id}`),
    },
    { text: 'The comment is downvoted', reached: (v) => w.comment(v.world, v.params).vote === 'down' },
  ],
  expert: (world, p) => [
    ...w.toPost(world, p),
    click('comments'),
    click(w.word(p, 'comment')),
    click('downvote'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'downvote', 'upvote'), earlyExit(right)]
  },
}

/** Reads one number; the votes of the post it stands under are the tempting one. */
export const commentVotes: Template = {
  id: 'forum/comment-votes',
  sites: ['forum'],
  draw(world, rng) {
    const post = w.drawPost(world, rng)
    const others = post.comments.filter((comment) => comment.score !== post.score)
    return { comment: rng.pick(others).text, post: post.title, section: post.section }
  },
  intent: (p) => `How many votes has the comment "${p.comment}" on the post "${p.post}" in "${p.section}"?`,
  evaluate: (world, p) => answerIs(w.comment(world, p).score),
  milestones: [
    { text: 'The section "{section}" is open', reached: w.inSection },
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'The comments are shown', reached: (v) => w.onPost(v, '/comments') },
    { text: 'Its votes are the answer', reached: (v) => answered(v, w.comment(v.world, v.params).score) },
  ],
  expert: (world, p) => [...w.toPost(world, p), click('comments'), exit(w.comment(world, p).score)],
  slips(world, p) {
    return [
      wrongAnswer(this.expert(world, p), w.post(world, p).score),
      { kind: 'early-exit', actions: [...w.toPost(world, p), exit(w.post(world, p).score)] },
    ]
  },
}
