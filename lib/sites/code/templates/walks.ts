/**
 * What the code host's templates share: finding what the parameters name, the clicks that lead to a page, and
 * the questions oracles and evaluation ask.
 */
import type { ProgramHtml } from '../../../tasks/task.ts'
import type { Action } from '../../../web/action.ts'
import { at, click, search, textIs, turnTo } from '../../authoring.ts'
import type { OracleView, Origins, Params, World } from '../../kit.ts'
import { PAGE_SIZE } from '../../layout.tsx'
import type { Issue, Merge, Project } from '../data.ts'
import { codeOf, openIssues, openMerges } from '../state.ts'
import { ISSUE_ROWS } from '../work.tsx'

/** A parameter as text. */
export const word = (params: Params, name: string): string => String(params[name])

function named<T>(found: T | undefined, what: string, name: string): T {
  if (found === undefined) throw new Error(`the code host of this world has no ${what} "${name}"`)
  return found
}

export function project(world: World, p: Params): Project {
  const name = word(p, 'project')
  return named(
    codeOf(world).projects.find((one) => one.name === name),
    'project',
    name,
  )
}

export function issue(world: World, p: Params): Issue {
  const title = word(p, 'issue')
  return named(
    codeOf(world).issues.find((one) => one.title === title),
    'issue',
    title,
  )
}

export function merge(world: World, p: Params): Merge {
  const title = word(p, 'request')
  return named(
    codeOf(world).merges.find((one) => one.title === title),
    'merge request',
    title,
  )
}

/** From the home page through the list of projects. */
export function toProject(world: World, p: Params): Action[] {
  const index = codeOf(world).projects.findIndex((one) => one.name === p.project)
  return [...turnTo(index, PAGE_SIZE), click(word(p, 'project'))]
}

/** The same by searching. */
export const findProject = (p: Params): Action[] => [
  search('search', word(p, 'project')),
  click(word(p, 'project')),
]

export function toIssue(world: World, p: Params): Action[] {
  const index = openIssues(codeOf(world), word(p, 'project')).findIndex((one) => one.title === p.issue)
  return [...toProject(world, p), click('issues'), ...turnTo(index, ISSUE_ROWS), click(word(p, 'issue'))]
}

export function toMerge(world: World, p: Params): Action[] {
  const index = openMerges(codeOf(world), word(p, 'project')).findIndex((one) => one.title === p.request)
  return [...findProject(p), click('merges'), ...turnTo(index, PAGE_SIZE), click(word(p, 'request'))]
}

/** A page below the project's own, "" for that one. */
export const projectUrl = (origins: Origins, p: Params, rest = ''): string =>
  `${origins.code}/project/${p.project}${rest}`

/** The user has changed exactly `n` things on this site. */
export const changed = (origins: Origins, n: number): ProgramHtml =>
  textIs(`${origins.code}/account`, '#changes', n)

export const inProject = (view: OracleView, rest = ''): boolean =>
  at(view, 'code', `/project/${view.params.project}${rest}`)

/** The list of issues or merge requests, whichever page of it. */
export const inList = (view: OracleView, part: 'issues' | 'merges'): boolean =>
  at(view, 'code', new RegExp(`^/project/${view.params.project}/${part}(\\?|$)`))

export const onIssue = (view: OracleView, rest = ''): boolean =>
  at(view, 'code', `/issue/${issue(view.world, view.params).id}${rest}`)

export const onMerge = (view: OracleView): boolean =>
  at(view, 'code', `/merge/${merge(view.world, view.params).id}`)
