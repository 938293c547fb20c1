/** Reading a place's page, and finding which place to read. */
import { answered, answerIs, at, click, exit } from '../../authoring.ts'
import type { Params, Template, World } from '../../kit.ts'
import { wrongAnswer } from '../../slips.ts'
import { KINDS, type Place } from '../data.ts'
import { mapOf, minutes, nearby, placesOf } from '../state.ts'
import * as w from './walks.ts'

export const phoneOf: Template = {
  id: 'map/phone',
  sites: ['map'],
  draw: (world, rng) => ({ place: rng.pick(mapOf(world).places).name }),
  intent: (p) => `What is the phone of the place "${p.place}"?`,
  evaluate: (world, p) => answerIs(w.place(world, p).phone),
  milestones: [
    { text: 'The search shows results', reached: w.inSearch },
    { text: 'The place "{place}" is shown', reached: (v) => w.onPlace(v, w.word(v.params, 'place')) },
    {
      text: 'The agent leaves from its page',
      reached: (v) => v.answer !== undefined && w.onPlace(v, w.word(v.params, 'place')),
    },
    { text: 'The phone is the answer', reached: (v) => answered(v, w.place(v.world, v.params).phone) },
  ],
  expert: (world, p) => [...w.findPlace(p), exit(w.place(world, p).phone)],
  slips(world, p) {
    return [wrongAnswer(this.expert(world, p), w.place(world, p).rating)]
  },
}

export const closingHour: Template = {
  id: 'map/closing-hour',
  sites: ['map'],
  draw(world, rng) {
    const { name, kind } = rng.pick(mapOf(world).places)
    return { place: name, kind }
  },
  intent: (p) => `At which hour closes the place "${p.place}" of kind "${p.kind}"?`,
  evaluate: (world, p) => answerIs(w.place(world, p).closes),
  milestones: [
    { text: 'Places of kind "{kind}" are listed', reached: (v) => w.inKind(v, w.word(v.params, 'kind')) },
    { text: 'The place "{place}" is shown', reached: (v) => w.onPlace(v, w.word(v.params, 'place')) },
    {
      text: 'The agent leaves from its page',
      reached: (v) => v.answer !== undefined && w.onPlace(v, w.word(v.params, 'place')),
    },
    {
      text: 'The closing hour is the answer',
      reached: (v) => answered(v, w.place(v.world, v.params).closes),
    },
  ],
  expert: (world, p) => [...w.toPlace(world, p), exit(w.place(world, p).closes)],
  slips(world, p) {
    return [wrongAnswer(this.expert(world, p), w.place(world, p).opens)]
  },
}

/** Held out of training: first find the best of a kind, then read its phone. */
export const bestPhone: Template = {
  id: 'map/best-phone',
  sites: ['map'],
  novel: true,
  draw: (_world, rng) => ({ kind: rng.pick(KINDS) }),
  intent: (p) => `What is the phone of the best place of kind "${p.kind}"?`,
  evaluate: (world, p) => answerIs(w.bestOf(world, p).phone),
  milestones: [
    { text: 'Places of kind "{kind}" are listed', reached: (v) => w.inKind(v, w.word(v.params, 'kind')) },
    { text: 'The best come first', reached: (v) => at(v, 'map', `/kind/${v.params.kind}?sort=best`) },
    { text: 'The best place is shown', reached: (v) => w.onPlace(v, w.bestOf(v.world, v.params).name) },
    { text: 'Its phone is the answer', reached: (v) => answered(v, w.bestOf(v.world, v.params).phone) },
  ],
  expert(world, p) {
    const best = w.bestOf(world, p)
    return [click(w.word(p, 'kind')), click('best'), click(best.name), exit(best.phone)]
  },
  slips(world, p) {
    const first = placesOf(mapOf(world), w.kind(p))[0] as Place
    const actions = [click(w.word(p, 'kind')), click(first.name), exit(first.phone)]
    return [wrongAnswer(this.expert(world, p), w.bestOf(world, p).rating), { kind: 'wrong-field', actions }]
  },
}

const nearest = (world: World, p: Params): Place =>
  nearby(mapOf(world), w.place(world, p), w.kind(p))[0] as Place

export const nearestPlace: Template = {
  id: 'map/nearest',
  sites: ['map'],
  draw(world, rng) {
    const atlas = mapOf(world)
    // The nearest of the kind is not the nearest of all, and nothing else is equally near.
    const fitting = atlas.places.flatMap((place) =>
      KINDS.filter((kind) => {
        const [first, second] = nearby(atlas, place, kind)
        const any = nearby(atlas, place)[0]
        return (
          first && second && any !== first && minutes(place, first, 'walk') < minutes(place, second, 'walk')
        )
      }).map((kind) => ({ place: place.name, kind })),
    )
    return rng.pick(fitting)
  },
  intent: (p) => `Which place of kind "${p.kind}" is nearest to the place "${p.place}"?`,
  evaluate: (world, p) => answerIs(nearest(world, p).name),
  milestones: [
    { text: 'The place "{place}" is shown', reached: (v) => w.onPlace(v, w.word(v.params, 'place')) },
    { text: 'What is near is listed', reached: (v) => w.onPlace(v, w.word(v.params, 'place'), '/nearby') },
    {
      text: 'Only the kind is listed',
      reached: (v) => w.onPlace(v, w.word(v.params, 'place'), `/nearby?kind=${v.params.kind}`),
    },
    { text: 'The nearest is the answer', reached: (v) => answered(v, nearest(v.world, v.params).name) },
  ],
  expert: (world, p) => [
    ...w.findPlace(p),
    click('nearby'),
    click(w.word(p, 'kind')),
    exit(nearest(world, p).name),
  ],
  slips(world, p) {
    const any = nearby(mapOf(world), w.place(world, p))[0] as Place
    return [{ kind: 'wrong-field', actions: [...w.findPlace(p), click('nearby'), exit(any.name)] }]
  },
}
