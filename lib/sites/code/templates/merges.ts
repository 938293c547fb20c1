/** Merge requests: merging what is approved, approving first what is not, and reading who reviews. */
import { answered, answerIs, click, exit, pagesShow, textIs } from '../../authoring.ts'
import type { Params, Rng, Template, World } from '../../kit.ts'
import { earlyExit, siblingButton, wrongAnswer } from '../../slips.ts'
import { codeOf } from '../state.ts'
import * as w from './walks.ts'

const draw = (approved: boolean) => (world: World, rng: Rng) => {
  const { title, project } = rng.pick(codeOf(world).merges.filter((merge) => merge.approved === approved))
  return { request: title, project }
}

const url = (world: World, p: Params, origin: string) => `${origin}/merge/${w.merge(world, p).id}`

export const mergeApproved: Template = {
  id: 'code/merge',
  sites: ['code'],
  draw: draw(true),
  intent: (p) => `Merge the request "${p.request}" of project "${p.project}".`,
  evaluate: (world, p, origins) =>
    pagesShow([textIs(url(world, p, origins.code), '#state', 'merged'), w.changed(origins, 1)]),
  milestones: [
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'Its merge requests are listed', reached: (v) => w.inList(v, 'merges') },
    { text: 'The request "{request}" is shown', reached: (v) => w.onMerge(v) },
    { text: 'The request is merged', reached: (v) => w.merge(v.world, v.params).state === 'merged' },
  ],
  expert: (world, p) => [...w.toMerge(world, p), click('merge'), exit()],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'merge', 'close'), earlyExit(right)]
  },
}

export const approveAndMerge: Template = {
  id: 'code/approve-and-merge',
  sites: ['code'],
  draw: draw(false),
  intent: (p) => `Approve and merge the request "${p.request}" of project "${p.project}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(url(world, p, origins.code), '#state', 'merged'),
      textIs(url(world, p, origins.code), '#approved', 'yes'),
      w.changed(origins, 2),
    ]),
  milestones: [
    { text: 'Its merge requests are listed', reached: (v) => w.inList(v, 'merges') },
    { text: 'The request "{request}" is shown', reached: (v) => w.onMerge(v) },
    { text: 'The request is approved', reached: (v) => w.merge(v.world, v.params).approved },
    { text: 'The request is merged', reached: (v) => w.merge(v.world, v.params).state === 'merged' },
  ],
  expert: (world, p) => [...w.toMerge(world, p), click('approve'), click('merge'), exit()],
  slips(world, p) {
    const right = this.expert(world, p)
    return [earlyExit(right), siblingButton(right, 'merge', 'close')]
  },
}

export const reviewerOf: Template = {
  id: 'code/reviewer',
  sites: ['code'],
  draw: (world, rng) => draw(rng.next() < 0.5)(world, rng),
  intent: (p) => `Who is the reviewer of the request "${p.request}" of project "${p.project}"?`,
  evaluate: (world, p) => answerIs(w.merge(world, p).reviewer),
  milestones: [
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'Its merge requests are listed', reached: (v) => w.inList(v, 'merges') },
    { text: 'The request "{request}" is shown', reached: (v) => w.onMerge(v) },
    { text: 'The reviewer is the answer', reached: (v) => answered(v, w.merge(v.world, v.params).reviewer) },
  ],
  expert: (world, p) => [...w.toMerge(world, p), exit(w.merge(world, p).reviewer)],
  slips(world, p) {
    return [wrongAnswer(this.expert(world, p), w.merge(world, p).author)]
  },
}
