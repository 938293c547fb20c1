/** Issues by their label: counting them, and closing the only one. */
import { answered, answerIs, at, click, exit, pagesShow, select, textIs } from '../../authoring.ts'
import type { Params, Template, World } from '../../kit.ts'
import { earlyExit, siblingButton } from '../../slips.ts'
import { codeOf, openIssues } from '../state.ts'
import * as w from './walks.ts'

const filtered = (view: { params: Params }) =>
  `/project/${view.params.project}/issues?label=${view.params.label}`

export const countLabel: Template = {
  id: 'code/count-label',
  sites: ['code'],
  draw(world, rng) {
    const { project, label } = rng.pick(codeOf(world).issues)
    return { project, label }
  },
  intent: (p) => `How many open issues with the label "${p.label}" has project "${p.project}"?`,
  evaluate: (world, p) => answerIs(count(world, p)),
  milestones: [
    { text: 'The issues are listed', reached: (v) => w.inList(v, 'issues') },
    { text: 'The filter is open', reached: (v) => w.inProject(v, '/issues/filter') },
    { text: 'The list is filtered', reached: (v) => at(v, 'code', filtered(v)) },
    { text: 'The number is the answer', reached: (v) => answered(v, count(v.world, v.params)) },
  ],
  expert: (world, p) => [
    ...w.toProject(world, p),
    click('issues'),
    click('filter'),
    select('label', w.word(p, 'label')),
    click('apply'),
    exit(count(world, p)),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const all = openIssues(codeOf(world), w.word(p, 'project')).length
    // The label was never chosen, so the count of every issue is read.
    return [{ kind: 'early-exit', actions: [...right.slice(0, -4), exit(all)] }]
  },
}

const count = (world: World, p: Params): number =>
  openIssues(codeOf(world), w.word(p, 'project'), w.word(p, 'label')).length

/** Held out of training: the issue is known by its label alone. */
export const closeLabelled: Template = {
  id: 'code/close-labelled',
  sites: ['code'],
  novel: true,
  draw(world, rng) {
    const single = codeOf(world).issues.filter(
      ({ project, label }) => openIssues(codeOf(world), project, label).length === 1,
    )
    const { project, label } = rng.pick(single)
    return { project, label }
  },
  intent: (p) => `Close the only issue with the label "${p.label}" of project "${p.project}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(`${origins.code}/issue/${only(world, p).id}`, '#state', 'closed'),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The issues are listed', reached: (v) => w.inList(v, 'issues') },
    { text: 'The list is filtered', reached: (v) => at(v, 'code', filtered(v)) },
    {
      text: 'The only issue with this label is shown',
      reached: (v) => at(v, 'code', `/issue/${only(v.world, v.params).id}`),
    },
    { text: 'The issue is closed', reached: (v) => only(v.world, v.params).state === 'closed' },
  ],
  expert: (world, p) => [
    ...w.toProject(world, p),
    click('issues'),
    click('filter'),
    select('label', w.word(p, 'label')),
    click('apply'),
    click(only(world, p).title),
    click('close'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'close', 'lock'), earlyExit(right)]
  },
}

/** Open or closed: the issue of this label the world began with. */
function only(world: World, p: Params) {
  const found = codeOf(world).issues.find((issue) => issue.project === p.project && issue.label === p.label)
  if (!found) throw new Error(`project "${p.project}" has no issue with the label "${p.label}"`)
  return found
}
