/** Keeping places: saving, unsaving, calling one home, and writing notes and reviews. */
import { at, click, exit, pagesShow, select, textIs, typeIn } from '../../authoring.ts'
import type { Template } from '../../kit.ts'
import { ASPECTS, OPINIONS, pairs } from '../../lexicon.ts'
import { earlyExit, siblingButton, wrongValue } from '../../slips.ts'
import { KINDS, type Place } from '../data.ts'
import { mapOf, placesOf } from '../state.ts'
import * as w from './walks.ts'

const TEXTS = pairs(OPINIONS, ASPECTS)
const BUTTON = 'main form button'

export const savePlace: Template = {
  id: 'map/save-place',
  sites: ['map'],
  draw(world, rng) {
    const { name, kind } = rng.pick(mapOf(world).places.filter((place) => !place.saved))
    return { place: name, kind }
  },
  intent: (p) => `Save the place "${p.place}" of kind "${p.kind}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([textIs(w.placeUrl(origins, w.word(p, 'place')), BUTTON, 'unsave'), w.changed(origins, 1)]),
  milestones: [
    { text: 'Places of kind "{kind}" are listed', reached: (v) => w.inKind(v, w.word(v.params, 'kind')) },
    { text: 'The place "{place}" is shown', reached: (v) => w.onPlace(v, w.word(v.params, 'place')) },
    { text: 'The place is saved', reached: (v) => w.place(v.world, v.params).saved },
    {
      text: 'The agent leaves with the place saved',
      reached: (v) => v.answer !== undefined && w.place(v.world, v.params).saved,
    },
  ],
  expert: (world, p) => [...w.toPlace(world, p), click('save'), exit()],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'save', 'note'), earlyExit(right)]
  },
}

export const unsavePlace: Template = {
  id: 'map/unsave-place',
  sites: ['map'],
  draw: (world, rng) => ({ place: rng.pick(mapOf(world).places.filter((place) => place.saved)).name }),
  intent: (p) => `Unsave the place "${p.place}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([textIs(w.placeUrl(origins, w.word(p, 'place')), BUTTON, 'save'), w.changed(origins, 1)]),
  milestones: [
    { text: 'The saved places are listed', reached: (v) => at(v, 'map', '/saved') },
    { text: 'The place "{place}" is shown', reached: (v) => w.onPlace(v, w.word(v.params, 'place')) },
    { text: 'The place is no longer saved', reached: (v) => !w.place(v.world, v.params).saved },
    {
      text: 'The agent leaves with the place unsaved',
      reached: (v) => v.answer !== undefined && !w.place(v.world, v.params).saved,
    },
  ],
  expert: (_world, p) => [click('saved'), click(w.word(p, 'place')), click('unsave'), exit()],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'unsave', 'note'), earlyExit(right)]
  },
}

/** The best of its kind; the first of the usual order is the tempting one. */
export const noteBest: Template = {
  id: 'map/note-best',
  sites: ['map'],
  draw: (_world, rng) => ({ text: rng.pick(TEXTS), kind: rng.pick(KINDS) }),
  intent: (p) => `Write the note "${p.text}" for the best place of kind "${p.kind}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(w.placeUrl(origins, w.bestOf(world, p).name, '/note'), '#now', w.word(p, 'text')),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'Places of kind "{kind}" are listed', reached: (v) => w.inKind(v, w.word(v.params, 'kind')) },
    { text: 'The best come first', reached: (v) => at(v, 'map', `/kind/${v.params.kind}?sort=best`) },
    { text: 'The best place is shown', reached: (v) => w.onPlace(v, w.bestOf(v.world, v.params).name) },
    { text: 'The note is kept', reached: (v) => w.bestOf(v.world, v.params).note === v.params.text },
  ],
  expert: (world, p) => [
    click(w.word(p, 'kind')),
    click('best'),
    click(w.bestOf(world, p).name),
    click('note'),
    typeIn('text', w.word(p, 'text')),
    click('keep'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const first = placesOf(mapOf(world), w.kind(p))[0] as Place
    const actions = [click(w.word(p, 'kind')), click(first.name), ...right.slice(3)]
    return [{ kind: 'wrong-field', actions }, earlyExit(right)]
  },
}

export const setHome: Template = {
  id: 'map/set-home',
  sites: ['map'],
  draw: (world, rng) => ({ place: rng.pick(mapOf(world).places).name }),
  intent: (p) => `Make the place "${p.place}" your home.`,
  evaluate: (_world, p, origins) =>
    pagesShow([textIs(`${origins.map}/account`, '#home', w.word(p, 'place')), w.changed(origins, 1)]),
  milestones: [
    { text: 'The search shows results', reached: w.inSearch },
    { text: 'The place "{place}" is shown', reached: (v) => w.onPlace(v, w.word(v.params, 'place')) },
    {
      text: 'Its further choices are shown',
      reached: (v) => w.onPlace(v, w.word(v.params, 'place'), '/more'),
    },
    { text: 'The place is home', reached: (v) => mapOf(v.world).home === v.params.place },
  ],
  expert: (_world, p) => [...w.findPlace(p), click('more'), click('set home'), exit()],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'set home', 'set work'), earlyExit(right)]
  },
}

export const writeNote: Template = {
  id: 'map/write-note',
  sites: ['map'],
  draw: (world, rng) => ({ text: rng.pick(TEXTS), place: rng.pick(mapOf(world).places).name }),
  intent: (p) => `Write the note "${p.text}" for the place "${p.place}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([
      textIs(w.placeUrl(origins, w.word(p, 'place'), '/note'), '#now', w.word(p, 'text')),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The search shows results', reached: w.inSearch },
    { text: 'The place "{place}" is shown', reached: (v) => w.onPlace(v, w.word(v.params, 'place')) },
    { text: 'The note is open', reached: (v) => w.onPlace(v, w.word(v.params, 'place'), '/note') },
    { text: 'The note is kept', reached: (v) => w.place(v.world, v.params).note === v.params.text },
  ],
  expert: (_world, p) => [
    ...w.findPlace(p),
    click('note'),
    typeIn('text', w.word(p, 'text')),
    click('keep'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'keep', 'cancel'), earlyExit(right)]
  },
}

export const writeReview: Template = {
  id: 'map/write-review',
  sites: ['map'],
  draw(world, rng) {
    const { name, kind } = rng.pick(mapOf(world).places)
    return { place: name, kind, stars: 2 + rng.int(4), text: rng.pick(TEXTS) }
  },
  intent: (p) =>
    `Review the place "${p.place}" of kind "${p.kind}" with ${p.stars} stars and the text "${p.text}".`,
  evaluate(_world, p, origins) {
    const url = w.placeUrl(origins, w.word(p, 'place'), '/review')
    return pagesShow([
      textIs(url, '#given', w.word(p, 'stars')),
      textIs(url, '#said', w.word(p, 'text')),
      w.changed(origins, 1),
    ])
  },
  milestones: [
    { text: 'Places of kind "{kind}" are listed', reached: (v) => w.inKind(v, w.word(v.params, 'kind')) },
    { text: 'The place "{place}" is shown', reached: (v) => w.onPlace(v, w.word(v.params, 'place')) },
    { text: 'The review form is open', reached: (v) => w.onPlace(v, w.word(v.params, 'place'), '/review') },
    {
      text: 'The review is given as asked',
      reached(v) {
        const given = w.place(v.world, v.params).review
        return given?.stars === v.params.stars && given?.text === v.params.text
      },
    },
  ],
  expert: (world, p) => [
    ...w.toPlace(world, p),
    click('review'),
    select('stars', w.word(p, 'stars')),
    typeIn('text', w.word(p, 'text')),
    click('send'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [wrongValue(right, 'stars', 1), siblingButton(right, 'send', 'cancel'), earlyExit(right)]
  },
}
