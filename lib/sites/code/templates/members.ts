/** Members of a project: inviting somebody, changing a role, and reading one. */
import { answered, answerIs, click, exit, pagesShow, select, textIs, typeIn } from '../../authoring.ts'
import type { Params, Template, World } from '../../kit.ts'
import { earlyExit, siblingButton, wrongAnswer, wrongValue } from '../../slips.ts'
import { ME, ROLES, type Role } from '../data.ts'
import { codeOf } from '../state.ts'
import * as w from './walks.ts'

const roleOf = (world: World, p: Params): Role | undefined =>
  w.project(world, p).members.get(w.word(p, 'person'))

/** Every pair of a project and one of its members, oneself left out. */
const memberships = (world: World) =>
  codeOf(world).projects.flatMap((project) =>
    [...project.members]
      .filter(([person]) => person !== ME)
      .map(([person, role]) => ({ project: project.name, person, role })),
  )

export const inviteMember: Template = {
  id: 'code/invite-member',
  sites: ['code'],
  draw(world, rng) {
    const host = codeOf(world)
    const project = rng.pick(host.projects)
    const person = rng.pick(host.people.filter((name) => !project.members.has(name)))
    return { person, project: project.name, role: rng.pick(ROLES.slice(1)) }
  },
  intent: (p) => `Invite "${p.person}" to project "${p.project}" with the role "${p.role}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([
      textIs(w.projectUrl(origins, p, `/member/${p.person}`), '#now', w.word(p, 'role')),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'Its members are listed', reached: (v) => w.inProject(v, '/members') },
    { text: 'The invitation is open', reached: (v) => w.inProject(v, '/invite') },
    {
      text: 'The person is a member in this role',
      reached: (v) => roleOf(v.world, v.params) === v.params.role,
    },
  ],
  expert: (_world, p) => [
    ...w.findProject(p),
    click('members'),
    click('invite'),
    typeIn('name', w.word(p, 'person')),
    select('role', w.word(p, 'role')),
    click('save'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    // Leaves the role at what the form proposes.
    const plain = right.filter((action) => action.kind !== 'select')
    return [{ kind: 'wrong-field', actions: plain }, siblingButton(right, 'save', 'cancel'), earlyExit(right)]
  },
}

export const changeRole: Template = {
  id: 'code/change-role',
  sites: ['code'],
  draw(world, rng) {
    const { project, person, role } = rng.pick(memberships(world))
    return { person, project, role: rng.pick(ROLES.filter((other) => other !== role)) }
  },
  intent: (p) => `Change the role of "${p.person}" in project "${p.project}" to "${p.role}".`,
  evaluate: (_world, p, origins) =>
    pagesShow([
      textIs(w.projectUrl(origins, p, `/member/${p.person}`), '#now', w.word(p, 'role')),
      w.changed(origins, 1),
    ]),
  milestones: [
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'Its members are listed', reached: (v) => w.inProject(v, '/members') },
    { text: 'The member is shown', reached: (v) => w.inProject(v, `/member/${v.params.person}`) },
    { text: 'The member has this role', reached: (v) => roleOf(v.world, v.params) === v.params.role },
  ],
  expert: (world, p) => [
    ...w.toProject(world, p),
    click('members'),
    click(w.word(p, 'person')),
    select('role', w.word(p, 'role')),
    click('save'),
    exit(),
  ],
  slips(world, p) {
    const right = this.expert(world, p)
    const other = ROLES.find((role) => role !== p.role) as string
    return [siblingButton(right, 'save', 'cancel'), wrongValue(right, 'role', other), earlyExit(right)]
  },
}

export const readRole: Template = {
  id: 'code/read-role',
  sites: ['code'],
  draw(world, rng) {
    // The first row is the user's own, an owner; a slip that reads it must be wrong.
    const { project, person } = rng.pick(memberships(world).filter(({ role }) => role !== 'owner'))
    return { person, project }
  },
  intent: (p) => `Which role has "${p.person}" in project "${p.project}"?`,
  evaluate: (world, p) => answerIs(roleOf(world, p) as Role),
  milestones: [
    { text: 'The project "{project}" is open', reached: (v) => w.inProject(v) },
    { text: 'Its members are listed', reached: (v) => w.inProject(v, '/members') },
    { text: 'The member is shown', reached: (v) => w.inProject(v, `/member/${v.params.person}`) },
    { text: 'The role is the answer', reached: (v) => answered(v, roleOf(v.world, v.params) as Role) },
  ],
  expert: (world, p) => [
    ...w.toProject(world, p),
    click('members'),
    click(w.word(p, 'person')),
    exit(roleOf(world, p) as Role),
  ],
  slips(world, p) {
    return [wrongAnswer(this.expert(world, p), 'owner')]
  },
}
