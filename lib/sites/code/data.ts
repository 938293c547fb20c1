/**
 * The code host's data: projects with members, issues, merge requests and files, drawn from one Rng. Titles are
 * unique on the whole site; within a project each label that occurs once or more is known to the templates.
 */
import { Changes } from '../changes.ts'
import { distinctNumbers } from '../draws.ts'
import type { Rng, World } from '../kit.ts'
import { FAULTS, LABELS, PARTS, PEOPLE, PROJECTS, pairs, QUALITIES } from '../lexicon.ts'

/** The person the episode is signed in as; an owner of every project. */
export const ME = 'sam'
export const ROLES = ['guest', 'developer', 'owner'] as const
export const SETTINGS = ['port', 'memory', 'workers'] as const
export const FILES = ['readme', 'config', 'license'] as const

export type Role = (typeof ROLES)[number]
export type Label = (typeof LABELS)[number]

export interface Issue {
  id: number
  project: string
  title: string
  label: Label
  author: string
  assignee: string
  state: 'open' | 'closed'
  locked: boolean
}

export interface Merge {
  id: number
  project: string
  title: string
  author: string
  reviewer: string
  /** Without an approval there is nothing to merge. */
  approved: boolean
  state: 'open' | 'merged' | 'closed'
}

export interface Project {
  name: string
  stars: number
  forks: number
  starred: boolean
  members: Map<string, Role>
  settings: Record<(typeof SETTINGS)[number], number>
  /** The project this one was forked from. */
  source?: string
}

export interface CodeHost {
  projects: Project[]
  issues: Issue[]
  merges: Merge[]
  people: string[]
  drafts: string[]
  nextId: number
  changes: Changes
  readonly user: string | undefined
}

const PROJECT_COUNT = 8
const ISSUES = 7
const MERGES = 4

export function makeCode(rng: Rng, session: World['session']): CodeHost {
  const people = rng.shuffle(PEOPLE).slice(0, 9)
  const names = rng.shuffle(PROJECTS).slice(0, PROJECT_COUNT)
  const issueTitles = rng.shuffle(pairs(FAULTS, PARTS))
  const mergeTitles = rng.shuffle(pairs(QUALITIES, PARTS))
  const numbers = distinctNumbers(rng, 2 * PROJECT_COUNT)
  let nextId = 10
  const issues: Issue[] = []
  const merges: Merge[] = []
  const projects = names.map((name, i): Project => {
    const team = rng.shuffle(people).slice(0, 4)
    const members = new Map<string, Role>([[ME, 'owner']])
    for (const person of team) members.set(person, rng.pick(ROLES))
    for (let k = 0; k < ISSUES; k++) {
      const [author, assignee] = rng.shuffle(team) as [string, string]
      const title = issueTitles.pop() as string
      const label = rng.pick(LABELS)
      issues.push({
        id: nextId++,
        project: name,
        title,
        label,
        author,
        assignee,
        state: 'open',
        locked: false,
      })
    }
    for (let k = 0; k < MERGES; k++) {
      const [author, reviewer] = rng.shuffle(team) as [string, string]
      const title = mergeTitles.pop() as string
      merges.push({
        id: nextId++,
        project: name,
        title,
        author,
        reviewer,
        approved: k % 2 === 0,
        state: 'open',
      })
    }
    const [port, memory, workers] = distinctNumbers(rng, SETTINGS.length) as [number, number, number]
    return {
      name,
      stars: numbers[2 * i] as number,
      forks: numbers[2 * i + 1] as number,
      starred: false,
      members,
      settings: { port, memory, workers },
    }
  })
  return {
    projects,
    issues,
    merges,
    people,
    drafts: [],
    nextId,
    changes: new Changes(),
    get user() {
      const name = session.get('code') ?? ME
      return name === '' ? undefined : name
    },
  }
}
