/** A project as a whole: starring, forking, and reading a setting from one of its files. */
import { answered, answerIs, at, click, exit, pagesShow, textIs, typeIn } from '../../authoring.ts'
import type { Params, Template, World } from '../../kit.ts'
import { PROJECTS } from '../../lexicon.ts'
import { earlyExit, siblingButton, wrongAnswer } from '../../slips.ts'
import { SETTINGS } from '../data.ts'
import { codeOf, projectNamed } from '../state.ts'
import * as w from './walks.ts'

export const starProject: Template = {
  id: 'code/star',
  sites: ['code'],
  draw: (world, rng) => ({ project: rng.pick(codeOf(world).projects).name }),
  intent: (p) => `Star the project "${p.project}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([
      textIs(`${origins.code}/account`, 'li:first-child a', w.word(p, 'project')),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The search shows results', reached: (v) => at(v, 'code', `/search?q=${v.params.project}`) },
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'The project has a star', reached: (v) => w.project(v.world, v.params).starred },
    {
      text: 'The agent leaves with the star in place',
      reached: (v) => v.answer !== undefined && w.project(v.world, v.params).starred,
    },
  ],
  expert: (_world, p) => [...w.findProject(p), click('star'), exit()],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'star', 'fork'), earlyExit(right)]
  },
}

const copyOf = (world: World, p: Params) => projectNamed(codeOf(world), w.word(p, 'name'))

export const forkProject: Template = {
  id: 'code/fork',
  sites: ['code'],
  draw(world, rng) {
    const host = codeOf(world)
    const free = PROJECTS.filter((name) => !projectNamed(host, name))
    return { project: rng.pick(host.projects).name, name: rng.pick(free) }
  },
  intent: (p) => `Fork the project "${p.project}" with the name "${p.name}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([
      textIs(`${origins.code}/project/${p.name}`, '#source', w.word(p, 'project')),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'The fork form is open', reached: (v) => w.inProject(v, '/fork') },
    { text: 'The fork exists', reached: (v) => copyOf(v.world, v.params)?.source === v.params.project },
    {
      text: 'The agent leaves from the fork',
      reached: (v) => v.answer !== undefined && at(v, 'code', `/project/${v.params.name}`),
    },
  ],
  expert: (_world, p) => [
    ...w.findProject(p),
    click('fork'),
    typeIn('name', w.word(p, 'name')),
    click('create'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    return [siblingButton(right, 'create', 'cancel'), earlyExit(right)]
  },
}

export const readSetting: Template = {
  id: 'code/read-setting',
  sites: ['code'],
  draw: (world, rng) => ({ setting: rng.pick(SETTINGS), project: rng.pick(codeOf(world).projects).name }),
  intent: (p) => `What is the "${p.setting}" in the config file of project "${p.project}"?`,
  evaluate: (world, p) => answerIs(value(world, p)),
  milestones: [
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'Its files are listed', reached: (v) => w.inProject(v, '/files') },
    { text: 'The config file is shown', reached: (v) => w.inProject(v, '/file/config') },
    { text: 'The value is the answer', reached: (v) => answered(v, value(v.world, v.params)) },
  ],
  expert: (world, p) => [...w.toProject(world, p), click('files'), click('config'), exit(value(world, p))],
  slips(world, p) {
    const other = SETTINGS.find((setting) => setting !== p.setting) as (typeof SETTINGS)[number]
    return [wrongAnswer(this.expert(world, p), w.project(world, p).settings[other])]
  },
}

function value(world: World, p: Params): number {
  return w.project(world, p).settings[p.setting as (typeof SETTINGS)[number]]
}
