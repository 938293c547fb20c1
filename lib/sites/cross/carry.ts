/**
 * Tasks that carry something found on one site to another: a title, a name, a product, a town. Where the found
 * thing is a link, the expert opens it, so that it stands in the history of actions.
 */
import { at, click, exit, pagesShow, select, textIs, typeIn } from '../authoring.ts'
import { changed as changedCode, inProject, toProject, word } from '../code/templates/walks.ts'
import { codeOf, openIssues } from '../code/state.ts'
import type { Post } from '../forum/data.ts'
import { forumOf, postsIn } from '../forum/state.ts'
import * as f from '../forum/templates/walks.ts'
import type { Params, Template, World } from '../kit.ts'
import { LABELS } from '../lexicon.ts'
import { KINDS } from '../map/data.ts'
import { bestOf, inKind } from '../map/templates/walks.ts'
import { CATEGORIES, type Category, type Product, slug, sortProducts, storeOf } from '../shop/store.ts'
import { earlyExit, siblingButton, wrongValue } from '../slips.ts'
import { cross } from './walks.ts'

/** A complaint in the forum becomes an issue. */
export const postToIssue: Template = {
  id: 'cross/post-to-issue',
  sites: ['forum', 'code'],
  draw: (world, rng) => ({
    section: rng.pick(forumOf(world).sections).name,
    project: rng.pick(codeOf(world).projects).name,
    label: rng.pick(LABELS),
  }),
  intent: (p) =>
    `Create an issue in project "${p.project}" with the label "${p.label}" and the title of the top post in "${p.section}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(
        `${origins.code}/project/${p.project}/issues?label=${p.label}`,
        'li:first-child a',
        f.topPost(world, p).title,
      ),
      changedCode(origins, 1),
      f.changed(origins, 0),
    ]),
  milestones: [
    {
      text: 'The top post in "{section}" is open',
      reached: (v) => at(v, 'forum', `/post/${f.topPost(v.world, v.params).id}`),
    },
    { text: 'The project "{project}" is open', reached: (v) => inProject(v) },
    { text: 'The form for a new issue is open', reached: (v) => inProject(v, '/issues/new') },
    {
      text: 'The issue exists with this label',
      reached: (v) =>
        openIssues(codeOf(v.world), word(v.params, 'project'), word(v.params, 'label')).some(
          (issue) => issue.title === f.topPost(v.world, v.params).title,
        ),
    },
  ],
  expert: (world, p) => [
    click(word(p, 'section')),
    click('top'),
    click(f.topPost(world, p).title),
    ...cross('code'),
    ...toProject(world, p),
    click('issues'),
    click('new issue'),
    typeIn('title', f.topPost(world, p).title),
    select('label', word(p, 'label')),
    click('create'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const first = postsIn(forumOf(world), word(p, 'section'))[0] as Post
    return [
      siblingButton(right, 'create', 'draft'),
      wrongValue(right, 'title', first.title),
      earlyExit(right),
    ]
  },
}

/** A recommendation from the map goes under a post. */
export const placeToReply: Template = {
  id: 'cross/place-to-reply',
  sites: ['map', 'forum'],
  draw(world, rng) {
    const post = f.drawPost(world, rng)
    return { post: post.title, section: post.section, kind: rng.pick(KINDS) }
  },
  intent: (p) =>
    `Reply the name of the best place of kind "${p.kind}" to the post "${p.post}" in the forum section "${p.section}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(f.postUrl(world, p, origins, '/comments'), '#comments li:first-child a', bestOf(world, p).name),
      f.changed(origins, 1),
      textIs(`${origins.map}/account`, '#changes', 0),
    ]),
  milestones: [
    { text: 'Places of kind "{kind}" are listed', reached: (v) => inKind(v, word(v.params, 'kind')) },
    { text: 'The post "{post}" is open', reached: (v) => f.onPost(v) },
    { text: 'The reply form is open', reached: (v) => f.onPost(v, '/reply') },
    {
      text: 'The name of the best place stands under the post',
      reached: (v) =>
        f.post(v.world, v.params).comments.some((comment) => comment.text === bestOf(v.world, v.params).name),
    },
  ],
  expert: (world, p) => [
    click(word(p, 'kind')),
    click('best'),
    click(bestOf(world, p).name),
    ...cross('forum'),
    ...f.toPost(world, p),
    click('reply'),
    typeIn('comment', bestOf(world, p).name),
    click('send'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'send', 'cancel'), earlyExit(right)]
  },
}

function cheapest(world: World, p: Params): Product {
  const all = storeOf(world).products.filter((product) => product.category === (p.category as Category))
  return sortProducts(all, 'price')[0] as Product
}

/** The cheapest product of a category is announced in the forum. */
export const productToPost: Template = {
  id: 'cross/product-to-post',
  sites: ['shop', 'forum'],
  draw: (world, rng) => ({
    category: rng.pick(CATEGORIES),
    section: rng.pick(forumOf(world).sections).name,
    text: f.drawText(rng),
  }),
  intent: (p) =>
    `Publish a post in the forum section "${p.section}" with the cheapest product of "${p.category}" as title and the text "${p.text}".`,
  evaluate(world, p, origins) {
    const { name } = cheapest(world, p)
    return pagesShow([
      textIs(`${origins.forum}/section/${p.section}`, 'li:first-child a', name),
      textIs(`${origins.forum}/titled/${slug(name)}`, '#text', word(p, 'text')),
      f.changed(origins, 1),
      textIs(`${origins.shop}/cart`, '#total', 0),
    ])
  },
  milestones: [
    {
      text: 'The cheapest product of "{category}" is open',
      reached: (v) => at(v, 'shop', `/product/${cheapest(v.world, v.params).slug}`),
    },
    {
      text: 'The section "{section}" is open',
      reached: (v) => at(v, 'forum', `/section/${v.params.section}`),
    },
    {
      text: 'The form for a new post is open',
      reached: (v) => at(v, 'forum', `/section/${v.params.section}/new`),
    },
    {
      text: 'The post is published',
      reached: (v) =>
        forumOf(v.world).posts.some(
          (post) => post.title === cheapest(v.world, v.params).name && post.text === v.params.text,
        ),
    },
  ],
  expert: (world, p) => [
    click(word(p, 'category')),
    select('sort', 'price'),
    click('apply'),
    click(cheapest(world, p).name),
    ...cross('forum', 'shop'),
    click(word(p, 'section')),
    click('new post'),
    typeIn('title', cheapest(world, p).name),
    typeIn('text', word(p, 'text')),
    click('publish'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const all = storeOf(world).products.filter((product) => product.category === p.category)
    // The list's usual order is by name.
    const first = sortProducts(all, 'name').find((product) => product !== cheapest(world, p)) as Product
    return [
      siblingButton(right, 'publish', 'draft'),
      wrongValue(right, 'title', first.name),
      earlyExit(right),
    ]
  },
}
