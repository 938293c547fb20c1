/** Tasks with one job on each of two sites, and one question whose clue and answer lie on different sites. */
import { answered, answerIs, at, click, exit, pagesShow, search, textIs } from '../authoring.ts'
import { codeOf } from '../code/state.ts'
import * as c from '../code/templates/walks.ts'
import * as f from '../forum/templates/walks.ts'
import type { Params, Template, World } from '../kit.ts'
import type { Place } from '../map/data.ts'
import { find, mapOf } from '../map/state.ts'
import * as m from '../map/templates/walks.ts'
import { type Order, ordersOf, storeOf } from '../shop/store.ts'
import { toOrder } from '../shop/templates/parts.ts'
import { earlyExit, siblingButton, wrongAnswer } from '../slips.ts'
import { cross } from './walks.ts'

export const upvoteAndClose: Template = {
  id: 'cross/upvote-and-close',
  sites: ['forum', 'code'],
  draw(world, rng) {
    const post = f.drawPost(world, rng)
    const { title, project } = rng.pick(codeOf(world).issues)
    return { post: post.title, section: post.section, issue: title, project }
  },
  intent: (p) =>
    `Upvote the post "${p.post}" in the forum section "${p.section}" and close the issue "${p.issue}" of project "${p.project}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(f.postUrl(world, p, origins), '#voted', 'up'),
      textIs(`${origins.code}/issue/${c.issue(world, p).id}`, '#state', 'closed'),
      f.changed(origins, 1),
      c.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The post "{post}" is open', reached: (v) => f.onPost(v) },
    { text: 'The post "{post}" is upvoted', reached: (v) => f.post(v.world, v.params).vote === 'up' },
    { text: 'The issue "{issue}" is shown', reached: (v) => c.onIssue(v) },
    {
      text: 'The post is upvoted and the issue is closed',
      reached: (v) =>
        f.post(v.world, v.params).vote === 'up' && c.issue(v.world, v.params).state === 'closed',
    },
  ],
  expert: (world, p) => [
    ...f.toPost(world, p),
    click('upvote'),
    ...cross('code'),
    ...c.toIssue(world, p),
    click('close'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [
      siblingButton(right, 'upvote', 'downvote'),
      siblingButton(right, 'close', 'lock'),
      { kind: 'early-exit', actions: [...f.toPost(world, p), click('upvote'), exit()] },
      earlyExit(right),
    ]
  },
}

export const saveAndStar: Template = {
  id: 'cross/save-and-star',
  sites: ['map', 'code'],
  draw(world, rng) {
    const { name, kind } = rng.pick(mapOf(world).places.filter((place) => !place.saved))
    return { place: name, kind, project: rng.pick(codeOf(world).projects).name }
  },
  intent: (p) => `Save the place "${p.place}" of kind "${p.kind}" and star the project "${p.project}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([
      textIs(m.placeUrl(origins, m.word(p, 'place')), 'main form button', 'unsave'),
      textIs(`${origins.code}/account`, 'li:first-child a', c.word(p, 'project')),
      m.changed(origins, 1),
      c.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The place "{place}" is shown', reached: (v) => m.onPlace(v, m.word(v.params, 'place')) },
    { text: 'The place "{place}" is saved', reached: (v) => m.place(v.world, v.params).saved },
    { text: 'The project "{project}" is open', reached: (v) => c.inProject(v) },
    {
      text: 'The place is saved and the project has a star',
      reached: (v) => m.place(v.world, v.params).saved && c.project(v.world, v.params).starred,
    },
  ],
  expert: (world, p) => [
    ...m.toPlace(world, p),
    click('save'),
    ...cross('code'),
    ...c.findProject(p),
    click('star'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [
      siblingButton(right, 'star', 'fork'),
      { kind: 'early-exit', actions: [...m.toPlace(world, p), click('save'), exit()] },
      earlyExit(right),
    ]
  },
}

/** Held out of training: the town of an order is read in the shop and looked up on the map. */
export const orderPlacePhone: Template = {
  id: 'cross/order-place-phone',
  sites: ['shop', 'map'],
  novel: true,
  draw(world, rng) {
    const store = storeOf(world)
    // Four towns have two places; a town with one leaves no doubt.
    const clear = ordersOf(store, store.shopper).filter(
      (order) => find(mapOf(world), order.town).length === 1,
    )
    return { order: rng.pick(clear).number }
  },
  intent: (p) => `What is the phone of the place on the map in the town of your order ${p.order}?`,
  evaluate: (world, p) => answerIs(placeOf(world, p).phone),
  milestones: [
    { text: 'The order {order} is open', reached: (v) => at(v, 'shop', `/orders/${v.params.order}`) },
    {
      text: 'The map shows the places of its town',
      reached: (v) => at(v, 'map', `/search?q=${orderOf(v.world, v.params).town}`),
    },
    { text: 'The place is shown', reached: (v) => m.onPlace(v, placeOf(v.world, v.params).name) },
    { text: 'Its phone is the answer', reached: (v) => answered(v, placeOf(v.world, v.params).phone) },
  ],
  expert(world, p) {
    const place = placeOf(world, p)
    return [
      ...toOrder(world, p.order),
      ...cross('map', 'shop'),
      search('search', place.town),
      click(place.name),
      exit(place.phone),
    ]
  },
  slips(world, p) {
    const right = this.expert(world, p)
    return [wrongAnswer(right, placeOf(world, p).rating)]
  },
}

function orderOf(world: World, p: Params): Order {
  const store = storeOf(world)
  const found = ordersOf(store, store.shopper).find((order) => order.number === p.order)
  if (!found) throw new Error(`the shopper of this world has no order ${p.order}`)
  return found
}

const placeOf = (world: World, p: Params): Place => find(mapOf(world), orderOf(world, p).town)[0] as Place
