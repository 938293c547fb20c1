/** The code host: its templates, and the rules of merging, forking and triage that they rely on. */
import { describe, expect, test } from 'vitest'
import * as code from '../../lib/sites/code/index.ts'
import {
  approve,
  codeOf,
  fork,
  mergeRequest,
  setIssueState,
  star,
  triage,
} from '../../lib/sites/code/state.ts'
import { createWorld } from '../../lib/sites/world.ts'
import { readableSuite } from './templates.ts'

readableSuite(code.templates)

describe('code host rules', () => {
  const first = <T>(items: readonly T[], fits: (item: T) => boolean): T => {
    const found = items.find(fits)
    if (found === undefined) throw new Error('the world lacks what the test needs')
    return found
  }

  test('a request is merged only once approved, and only once', () => {
    const host = codeOf(createWorld(1))
    const merge = first(host.merges, (one) => !one.approved)
    expect(mergeRequest(host, merge)).toBe(false)
    approve(host, merge)
    expect(mergeRequest(host, merge)).toBe(true)
    expect(mergeRequest(host, merge)).toBe(false)
    expect(host.changes.count).toBe(2)
  })

  test('a fork needs a free name and counts at its source', () => {
    const host = codeOf(createWorld(2))
    const [source, other] = host.projects
    if (!source || !other) throw new Error('the world lacks projects')
    const before = source.forks
    expect(fork(host, source, other.name)).toBeUndefined()
    expect(source.forks).toBe(before)
    const copy = fork(host, source, 'mine')
    expect(copy?.source).toBe(source.name)
    expect(source.forks).toBe(before + 1)
    copy?.members.set('guest', 'guest')
    expect(source.members.has('guest')).toBe(false)
  })

  test('what is taken back leaves no change', () => {
    const host = codeOf(createWorld(3))
    const project = first(host.projects, () => true)
    const issue = first(host.issues, () => true)
    star(host, project, true)
    setIssueState(host, issue, 'closed')
    expect(host.changes.count).toBe(2)
    star(host, project, false)
    setIssueState(host, issue, 'open')
    triage(host, issue, issue.label, issue.assignee)
    expect(host.changes.count).toBe(0)
  })
})
