/** Routes between two places: reading one, keeping one, and chains of steps that end in one. */
import { answered, answerIs, at, click, exit, pagesShow, textIs, typeIn } from '../../authoring.ts'
import type { Params, Rng, Template, World } from '../../kit.ts'
import { earlyExit, siblingButton, wrongAnswer } from '../../slips.ts'
import { KINDS, MODES, type Mode, type Place } from '../data.ts'
import { mapOf, minutes, nearby } from '../state.ts'
import * as w from './walks.ts'

function drawTwo(world: World, rng: Rng) {
  const [from, to] = rng.shuffle(mapOf(world).places) as [Place, Place]
  return { from: from.name, to: to.name }
}

const fillIn = (from: string, to: string) => [typeIn('from', from), typeIn('to', to), click('show')]

const duration = (world: World, p: Params, mode: Mode): number =>
  minutes(w.place(world, p, 'from'), w.place(world, p, 'to'), mode)

const between = (mode: string, from: string, to: string) => `${mode} ${from} / ${to}`
const kept = (p: Params): string => between(w.word(p, 'mode'), w.word(p, 'from'), w.word(p, 'to'))

export const routeMinutes: Template = {
  id: 'map/route-minutes',
  sites: ['map'],
  draw: (world, rng) => ({ mode: rng.pick(MODES), ...drawTwo(world, rng) }),
  intent: (p) => `How many minutes is the "${p.mode}" from "${p.from}" to "${p.to}"?`,
  evaluate: (world, p) => answerIs(duration(world, p, p.mode as Mode)),
  milestones: [
    { text: 'The route form is open', reached: (v) => at(v, 'map', '/route') },
    {
      text: 'The route is shown',
      reached: (v) => w.onRoute(v, w.word(v.params, 'from'), w.word(v.params, 'to')),
    },
    {
      text: 'The agent leaves from the route',
      reached: (v) =>
        v.answer !== undefined && w.onRoute(v, w.word(v.params, 'from'), w.word(v.params, 'to')),
    },
    {
      text: 'The minutes are the answer',
      reached: (v) => answered(v, duration(v.world, v.params, v.params.mode as Mode)),
    },
  ],
  expert: (world, p) => [
    click('route'),
    ...fillIn(w.word(p, 'from'), w.word(p, 'to')),
    exit(duration(world, p, p.mode as Mode)),
  ],
  slips(world, p) {
    const other = p.mode === 'walk' ? 'drive' : 'walk'
    return [wrongAnswer(this.expert(world, p), duration(world, p, other))]
  },
}

export const saveRoute: Template = {
  id: 'map/save-route',
  sites: ['map'],
  draw: (world, rng) => ({ mode: rng.pick(MODES), ...drawTwo(world, rng) }),
  intent: (p) => `Save the "${p.mode}" from "${p.from}" to "${p.to}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([textIs(`${origins.map}/routes`, 'main li', kept(p)), w.changed(origins, 1)]),
  milestones: [
    { text: 'The route form is open', reached: (v) => at(v, 'map', '/route') },
    {
      text: 'The route is shown',
      reached: (v) => w.onRoute(v, w.word(v.params, 'from'), w.word(v.params, 'to')),
    },
    { text: 'The route is kept', reached: (v) => mapOf(v.world).routes.includes(kept(v.params)) },
    {
      text: 'The agent leaves with nothing else changed',
      reached: (v) => v.answer !== undefined && mapOf(v.world).routes[0] === kept(v.params),
    },
  ],
  expert: (_world, p) => [
    click('route'),
    ...fillIn(w.word(p, 'from'), w.word(p, 'to')),
    click(`save ${p.mode}`),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const other = p.mode === 'walk' ? 'drive' : 'walk'
    return [siblingButton(right, `save ${p.mode}`, `save ${other}`), earlyExit(right)]
  },
}

/** A spot first, then a route from it. */
export const commute: Template = {
  id: 'map/home-and-route',
  sites: ['map'],
  draw(world, rng) {
    const { from, to } = drawTwo(world, rng)
    return { place: from, to }
  },
  intent: (p) => `Make the place "${p.place}" your home and save the walk from there to "${p.to}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([
      textIs(`${origins.map}/account`, '#home', w.word(p, 'place')),
      textIs(`${origins.map}/routes`, 'main li', between('walk', w.word(p, 'place'), w.word(p, 'to'))),
      w.changed(origins, 2),
    ]),
  milestones: [
    { text: 'The place "{place}" is shown', reached: (v) => w.onPlace(v, w.word(v.params, 'place')) },
    { text: 'The place is home', reached: (v) => mapOf(v.world).home === v.params.place },
    {
      text: 'The route is shown',
      reached: (v) => w.onRoute(v, w.word(v.params, 'place'), w.word(v.params, 'to')),
    },
    {
      text: 'The walk is kept',
      reached: (v) =>
        mapOf(v.world).routes.includes(between('walk', w.word(v.params, 'place'), w.word(v.params, 'to'))),
    },
  ],
  expert: (_world, p) => [
    ...w.findPlace(p),
    click('more'),
    click('set home'),
    click('route'),
    ...fillIn(w.word(p, 'place'), w.word(p, 'to')),
    click('save walk'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [
      siblingButton(right, 'save walk', 'save drive'),
      siblingButton(right, 'set home', 'set work'),
      { kind: 'early-exit', actions: [...right.slice(0, 4), exit()] },
      earlyExit(right),
    ]
  },
}

const nearest = (world: World, p: Params): Place =>
  nearby(mapOf(world), w.place(world, p), w.kind(p))[0] as Place

export const saveNearest: Template = {
  id: 'map/save-nearest',
  sites: ['map'],
  draw(world, rng) {
    const atlas = mapOf(world)
    const fitting = atlas.places.flatMap((place) =>
      KINDS.filter((kind) => {
        const [first, second] = nearby(atlas, place, kind)
        const any = nearby(atlas, place)[0]
        return (
          first &&
          second &&
          !first.saved &&
          any !== first &&
          any?.saved === false &&
          minutes(place, first, 'walk') < minutes(place, second, 'walk')
        )
      }).map((kind) => ({ kind, place: place.name })),
    )
    return rng.pick(fitting)
  },
  intent: (p) => `Save the place of kind "${p.kind}" nearest to the place "${p.place}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(w.placeUrl(origins, nearest(world, p).name), 'main form button', 'unsave'),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'What is near is listed', reached: (v) => w.onPlace(v, w.word(v.params, 'place'), '/nearby') },
    {
      text: 'Only the kind is listed',
      reached: (v) => w.onPlace(v, w.word(v.params, 'place'), `/nearby?kind=${v.params.kind}`),
    },
    { text: 'The nearest place is shown', reached: (v) => w.onPlace(v, nearest(v.world, v.params).name) },
    { text: 'The nearest place is saved', reached: (v) => nearest(v.world, v.params).saved },
  ],
  expert: (world, p) => [
    ...w.findPlace(p),
    click('nearby'),
    click(w.word(p, 'kind')),
    click(nearest(world, p).name),
    click('save'),
    exit(),
  ],
  slips(world, p) {
    const any = nearby(mapOf(world), w.place(world, p))[0] as Place
    const actions = [...w.findPlace(p), click('nearby'), click(any.name), click('save'), exit()]
    return [{ kind: 'wrong-field', actions }, earlyExit(this.expert(world, p))]
  },
}
