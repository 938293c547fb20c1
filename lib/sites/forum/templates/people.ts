/** People: reading a profile, writing to an author, reporting a post, and acting as somebody else. */
import { answered, answerIs, at, click, exit, pagesShow, select, textIs, typeIn } from '../../authoring.ts'
import type { Params, Template, World } from '../../kit.ts'
import { earlyExit, siblingButton, wrongAnswer, wrongValue } from '../../slips.ts'
import { ME, type User } from '../data.ts'
import { forumOf } from '../state.ts'
import { REPORT_REASONS } from '../words.ts'
import * as w from './walks.ts'

const author = (world: World, p: Params): User => forumOf(world).users.get(w.post(world, p).author) as User

export const authorFollowers: Template = {
  id: 'forum/author-followers',
  sites: ['forum'],
  draw(world, rng) {
    const { title, section } = w.drawPost(world, rng)
    return { post: title, section }
  },
  intent: (p) => `How many followers has the author of the post "${p.post}" in "${p.section}"?`,
  evaluate: (world, p) => answerIs(author(world, p).followers),
  milestones: [
    { text: 'The section "{section}" is open', reached: w.inSection },
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'The author is shown', reached: (v) => w.onUser(v, author(v.world, v.params).name) },
    {
      text: 'The number of followers is the answer',
      reached: (v) => answered(v, author(v.world, v.params).followers),
    },
  ],
  expert(world, p) {
    const { name, followers } = author(world, p)
    return [...w.toPost(world, p), click(name), exit(followers)]
  },
  slips(world, p) {
    return [wrongAnswer(this.expert(world, p), author(world, p).karma)]
  },
}

export const messageAuthor: Template = {
  id: 'forum/message-author',
  sites: ['forum'],
  draw(world, rng) {
    const { title, section } = w.drawPost(world, rng)
    return { post: title, section, text: w.drawText(rng) }
  },
  intent: (p) => `Send the message "${p.text}" to the author of the post "${p.post}" in "${p.section}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(`${origins.forum}/user/${author(world, p).name}/message`, '#last', w.word(p, 'text')),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'The author is shown', reached: (v) => w.onUser(v, author(v.world, v.params).name) },
    {
      text: 'The message form is open',
      reached: (v) => at(v, 'forum', `/user/${author(v.world, v.params).name}/message`),
    },
    {
      text: 'The message is sent',
      reached: (v) => author(v.world, v.params).messages.includes(w.word(v.params, 'text')),
    },
  ],
  expert: (world, p) => [
    ...w.toPost(world, p),
    click(author(world, p).name),
    click('message'),
    typeIn('text', w.word(p, 'text')),
    click('send'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'send', 'cancel'), earlyExit(right)]
  },
}

export const reportPost: Template = {
  id: 'forum/report-post',
  sites: ['forum'],
  draw(world, rng) {
    const { title, section } = w.drawPost(world, rng)
    return { post: title, section, reason: rng.pick(REPORT_REASONS) }
  },
  intent: (p) => `Report the post "${p.post}" in "${p.section}" as "${p.reason}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(w.postUrl(world, p, origins, '/reported'), '#reason', w.word(p, 'reason')),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The section "{section}" is open', reached: w.inSection },
    { text: 'The post "{post}" is open', reached: (v) => w.onPost(v) },
    { text: 'The report form is open', reached: (v) => w.onPost(v, '/report') },
    {
      text: 'The post is reported for this reason',
      reached: (v) => w.post(v.world, v.params).report === v.params.reason,
    },
  ],
  expert: (world, p) => [
    ...w.toPost(world, p),
    click('report'),
    select('reason', w.word(p, 'reason')),
    click('send'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const other = REPORT_REASONS.find((reason) => reason !== p.reason) as string
    return [wrongValue(right, 'reason', other), earlyExit(right), siblingButton(right, 'send', 'cancel')]
  },
}

/** The long one: leave one's own account, enter another, and vote there. */
export const voteAsOther: Template = {
  id: 'forum/vote-as-other',
  sites: ['forum'],
  draw(world, rng) {
    const forum = forumOf(world)
    const user = rng.pick([...forum.users.values()].filter((u) => u.name !== ME))
    const post = rng.pick(forum.posts.filter((p) => p.author !== user.name && p.author !== ME))
    return { user: user.name, password: user.password, post: post.title, section: post.section }
  },
  intent: (p) =>
    `Sign in as "${p.user}" with password "${p.password}" and upvote the post "${p.post}" in "${p.section}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(w.postUrl(world, p, origins), '#voted', 'up'),
      textIs(`${origins.forum}/me`, '#user', w.word(p, 'user')),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The old account is left', reached: (v) => forumOf(v.world).user === undefined },
    { text: 'The new account is entered', reached: (v) => forumOf(v.world).user === v.params.user },
    {
      text: 'The post "{post}" is open',
      reached: (v) => w.onPost(v) && forumOf(v.world).user === v.params.user,
    },
    {
      text: 'The post is upvoted from the new account',
      reached: (v) => w.post(v.world, v.params).vote === 'up' && forumOf(v.world).user === v.params.user,
    },
  ],
  expert: (world, p) => [
    click('account'),
    click('sign out'),
    typeIn('name', w.word(p, 'user')),
    typeIn('password', w.word(p, 'password')),
    click('enter'),
    click('home'),
    ...w.toPost(world, p),
    click('upvote'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const stay = [...w.toPost(world, p), click('upvote'), exit()]
    return [
      siblingButton(right, 'upvote', 'downvote'),
      earlyExit(right),
      { kind: 'wrong-field', actions: stay },
    ]
  },
}
