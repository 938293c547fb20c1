/** What can happen on the code host: every change the signed-in user can make, over one world's CodeHost. */
import type { World } from '../kit.ts'
import {
  type CodeHost,
  type Issue,
  type Label,
  type Merge,
  makeCode,
  type Project,
  type Role,
} from './data.ts'

export function codeOf(world: World): CodeHost {
  return world.state('code', (rng) => makeCode(rng, world.session))
}

export const projectNamed = (host: CodeHost, name: string): Project | undefined =>
  host.projects.find((project) => project.name === name)

export const openIssues = (host: CodeHost, project: string, label?: string): Issue[] =>
  host.issues.filter(
    (issue) => issue.project === project && issue.state === 'open' && (!label || issue.label === label),
  )

export const openMerges = (host: CodeHost, project: string): Merge[] =>
  host.merges.filter((merge) => merge.project === project && merge.state === 'open')

export function star(host: CodeHost, project: Project, on: boolean): void {
  if (!host.user || project.starred === on) return
  project.starred = on
  project.stars += on ? 1 : -1
  host.changes.setting(`star ${project.name}`, String(on), 'false')
}

/** A copy under a new name; undefined where the name is empty or taken. */
export function fork(host: CodeHost, source: Project, name: string): Project | undefined {
  if (!host.user || name === '' || projectNamed(host, name)) return undefined
  const copy: Project = {
    ...source,
    name,
    stars: 0,
    forks: 0,
    starred: false,
    members: new Map([[host.user, 'owner']]),
    source: source.name,
  }
  source.forks++
  host.projects.push(copy)
  host.changes.set(`fork ${name}`)
  return copy
}

export function openIssue(host: CodeHost, project: string, title: string, label: Label): Issue | undefined {
  if (!host.user || title === '') return undefined
  const { user } = host
  const issue: Issue = {
    id: host.nextId++,
    project,
    title,
    label,
    author: user,
    assignee: 'nobody',
    state: 'open',
    locked: false,
  }
  host.issues.unshift(issue)
  host.changes.set(`issue ${issue.id}`)
  return issue
}

export function saveDraft(host: CodeHost, title: string): void {
  host.drafts.push(title)
  host.changes.set(`draft ${host.drafts.length}`)
}

export function setIssueState(host: CodeHost, issue: Issue, state: Issue['state']): void {
  if (!host.user) return
  issue.state = state
  host.changes.setting(`state ${issue.id}`, state, 'open')
}

export function lockIssue(host: CodeHost, issue: Issue, locked: boolean): void {
  if (!host.user) return
  issue.locked = locked
  host.changes.setting(`lock ${issue.id}`, String(locked), 'false')
}

/** One change, however many fields differ. */
export function triage(host: CodeHost, issue: Issue, label: Label, assignee: string): void {
  if (!host.user || (issue.label === label && issue.assignee === assignee)) return
  issue.label = label
  issue.assignee = assignee
  host.changes.set(`triage ${issue.id}`)
}

export function approve(host: CodeHost, merge: Merge): void {
  if (!host.user || merge.approved) return
  merge.approved = true
  host.changes.set(`approve ${merge.id}`)
}

/** False for a request that is not approved or no longer open. */
export function mergeRequest(host: CodeHost, merge: Merge): boolean {
  if (!host.user || !merge.approved || merge.state !== 'open') return false
  merge.state = 'merged'
  host.changes.set(`merge ${merge.id}`)
  return true
}

export function closeMerge(host: CodeHost, merge: Merge): void {
  if (!host.user || merge.state !== 'open') return
  merge.state = 'closed'
  host.changes.set(`merge ${merge.id}`)
}

/** Adds a member, or gives a member another role. */
export function setRole(host: CodeHost, project: Project, person: string, role: Role): void {
  if (!host.user || project.members.get(person) === role) return
  project.members.set(person, role)
  host.changes.set(`role ${project.name} ${person}`)
}
