/** Issues: opening, closing and triaging them, and reading who works on one. */
import { answered, answerIs, click, exit, pagesShow, select, textIs, typeIn } from '../../authoring.ts'
import type { Rng, Template, World } from '../../kit.ts'
import { FAULTS, LABELS, PARTS, pairs } from '../../lexicon.ts'
import { earlyExit, siblingButton, wrongAnswer, wrongValue } from '../../slips.ts'
import { ME } from '../data.ts'
import { codeOf, openIssues } from '../state.ts'
import * as w from './walks.ts'

function drawIssue(world: World, rng: Rng) {
  const { title, project } = rng.pick(codeOf(world).issues)
  return { issue: title, project }
}

export const closeIssue: Template = {
  id: 'code/close-issue',
  sites: ['code'],
  draw: drawIssue,
  intent: (p) => `Close the issue "${p.issue}" of project "${p.project}".`,
  evaluate: (world, p, origins) =>
    pagesShow([
      textIs(`${origins.code}/issue/${w.issue(world, p).id}`, '#state', 'closed'),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'Its issues are listed', reached: (v) => w.inList(v, 'issues') },
    { text: 'The issue "{issue}" is shown', reached: (v) => w.onIssue(v) },
    { text: 'The issue is closed', reached: (v) => w.issue(v.world, v.params).state === 'closed' },
  ],
  expert: (world, p) => [...w.toIssue(world, p), click('close'), exit()],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'close', 'lock'), earlyExit(right)]
  },
}

export const newIssue: Template = {
  id: 'code/new-issue',
  sites: ['code'],
  draw(world, rng) {
    const host = codeOf(world)
    const taken = new Set(host.issues.map((issue) => issue.title))
    const title = rng.pick(pairs(FAULTS, PARTS).filter((one) => !taken.has(one)))
    return { title, label: rng.pick(LABELS), project: rng.pick(host.projects).name }
  },
  intent: (p) => `Create an issue "${p.title}" with the label "${p.label}" in project "${p.project}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([
      textIs(w.projectUrl(origins, p, `/issues?label=${p.label}`), 'li:first-child a', w.word(p, 'title')),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'Its issues are listed', reached: (v) => w.inList(v, 'issues') },
    { text: 'The form is open', reached: (v) => w.inProject(v, '/issues/new') },
    {
      text: 'The issue exists with this label',
      reached: (v) =>
        openIssues(codeOf(v.world), w.word(v.params, 'project'), w.word(v.params, 'label')).some(
          (issue) => issue.title === v.params.title,
        ),
    },
  ],
  expert: (world, p) => [
    ...w.toProject(world, p),
    click('issues'),
    click('new issue'),
    typeIn('title', w.word(p, 'title')),
    select('label', w.word(p, 'label')),
    click('create'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const other = LABELS.find((label) => label !== p.label) as string
    return [siblingButton(right, 'create', 'draft'), wrongValue(right, 'label', other), earlyExit(right)]
  },
}

/** Two fields of one form; saving after the first is the usual mistake. */
export const triageIssue: Template = {
  id: 'code/triage-issue',
  sites: ['code'],
  draw(world, rng) {
    const issue = rng.pick(codeOf(world).issues)
    const members = codeOf(world).projects.find((one) => one.name === issue.project)?.members ?? new Map()
    const people = [...members.keys()].filter((name) => name !== issue.assignee && name !== ME)
    return {
      issue: issue.title,
      project: issue.project,
      label: rng.pick(LABELS.filter((label) => label !== issue.label)),
      assignee: rng.pick(people),
    }
  },
  intent: (p) =>
    `Give the issue "${p.issue}" of project "${p.project}" the label "${p.label}" and the assignee "${p.assignee}".`,
  evaluate(world, p, origins) {
    const url = `${origins.code}/issue/${w.issue(world, p).id}`
    return pagesShow([
      textIs(url, '#label', w.word(p, 'label')),
      textIs(url, '#assignee', w.word(p, 'assignee')),
      w.changed(origins, 1),
    ])
  },
  milestones: [
    { text: 'Its issues are listed', reached: (v) => w.inList(v, 'issues') },
    { text: 'The issue "{issue}" is shown', reached: (v) => w.onIssue(v) },
    { text: 'The edit form is open', reached: (v) => w.onIssue(v, '/edit') },
    {
      text: 'Label and assignee are saved',
      reached(v) {
        const { label, assignee } = w.issue(v.world, v.params)
        return label === v.params.label && assignee === v.params.assignee
      },
    },
  ],
  expert: (world, p) => [
    ...w.toIssue(world, p),
    click('edit'),
    select('label', w.word(p, 'label')),
    typeIn('assignee', w.word(p, 'assignee')),
    click('save'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const half = right.filter((action) => action.kind !== 'type')
    return [siblingButton(right, 'save', 'cancel'), { kind: 'early-exit', actions: half }, earlyExit(right)]
  },
}

export const issueAssignee: Template = {
  id: 'code/issue-assignee',
  sites: ['code'],
  draw: drawIssue,
  intent: (p) => `Who is the assignee of the issue "${p.issue}" of project "${p.project}"?`,
  evaluate: (world, p) => answerIs(w.issue(world, p).assignee),
  milestones: [
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'Its issues are listed', reached: (v) => w.inList(v, 'issues') },
    { text: 'The issue "{issue}" is shown', reached: (v) => w.onIssue(v) },
    { text: 'The assignee is the answer', reached: (v) => answered(v, w.issue(v.world, v.params).assignee) },
  ],
  expert: (world, p) => [...w.toIssue(world, p), exit(w.issue(world, p).assignee)],
  slips(world, p) {
    return [wrongAnswer(this.expert(world, p), w.issue(world, p).author)]
  },
}
