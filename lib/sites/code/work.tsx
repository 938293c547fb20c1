/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** Issues and merge requests: lists with pages and a label filter, one page each, and their forms. */
import { form, type SiteApp, type SiteContext, seeOther, whole } from '../http.ts'
import { Fact, Pager, PostButton, paginate, Row, SelectField, TextField } from '../layout.tsx'
import { LABELS } from '../lexicon.ts'
import type { Issue, Merge } from './data.ts'
import { missing, show } from './frame.tsx'
import { pathOf, withProject } from './projects.tsx'
import * as state from './state.ts'

/** Rows of one page of issues. */
export const ISSUE_ROWS = 4

const hostOf = (c: SiteContext) => state.codeOf(c.env.world)
const labelOf = (text: string | null | undefined) => LABELS.find((label) => label === text)

function withIssue(c: SiteContext, then: (issue: Issue) => Response | Promise<Response>) {
  const issue = hostOf(c).issues.find((one) => one.id === whole(c.req.param('id')))
  return issue ? then(issue) : missing(c)
}

function withMerge(c: SiteContext, then: (merge: Merge) => Response | Promise<Response>) {
  const merge = hostOf(c).merges.find((one) => one.id === whole(c.req.param('id')))
  return merge ? then(merge) : missing(c)
}

export function issues(app: SiteApp): void {
  app.get('/project/:name/issues', (c) =>
    withProject(c, (project) => {
      const path = `${pathOf(project.name)}/issues`
      const label = labelOf(c.req.query('label'))
      const found = state.openIssues(hostOf(c), project.name, label)
      const list = paginate(found, whole(c.req.query('page')), ISSUE_ROWS)
      const href = (page: number) => `${path}?${label ? `label=${label}&` : ''}page=${page}`
      return show(
        c,
        'issues',
        <div>
          <a href={`${path}/filter`}>filter</a>
          <a href={`${path}/new`}>new issue</a>
          <Fact label="open" value={found.length} />
          <ul>
            {list.rows.map((issue) => (
              <Row href={`/issue/${issue.id}`} text={issue.title} />
            ))}
          </ul>
          <Pager page={list.page} pages={list.pages} href={href} />
        </div>,
      )
    }),
  )

  app.get('/project/:name/issues/filter', (c) =>
    withProject(c, (project) =>
      show(
        c,
        'filter',
        <form method="get" action={`${pathOf(project.name)}/issues`}>
          <SelectField name="label" options={LABELS} />
          <button type="submit">apply</button>
        </form>,
      ),
    ),
  )

  app.get('/project/:name/issues/new', (c) =>
    withProject(c, (project) =>
      show(
        c,
        'new issue',
        <form method="post" action={`${pathOf(project.name)}/issues/new`}>
          <TextField name="title" />
          <SelectField name="label" options={LABELS} />
          <button type="submit" name="act" value="create">
            create
          </button>
          <button type="submit" name="act" value="draft">
            draft
          </button>
        </form>,
      ),
    ),
  )

  app.post('/project/:name/issues/new', (c) =>
    withProject(c, async (project) => {
      const fields = await form(c)
      const title = (fields.get('title') ?? '').trim()
      const label = labelOf(fields.get('label'))
      const path = `${pathOf(project.name)}/issues`
      if (title === '' || !label) return seeOther(c, `${path}/new`)
      if (fields.get('act') === 'draft') {
        state.saveDraft(hostOf(c), title)
        return seeOther(c, path)
      }
      const issue = state.openIssue(hostOf(c), project.name, title, label)
      return seeOther(c, issue ? `/issue/${issue.id}` : path)
    }),
  )

  app.get('/issue/:id', (c) =>
    withIssue(c, (issue) => {
      const path = `/issue/${issue.id}`
      const close = issue.state === 'open' ? 'close' : 'reopen'
      const lock = issue.locked ? 'unlock' : 'lock'
      return show(
        c,
        issue.title,
        <div>
          <a href={pathOf(issue.project)}>{issue.project}</a>
          <Fact label="label" value={issue.label} />
          <Fact label="author" value={issue.author} />
          <Fact label="assignee" value={issue.assignee} />
          <Fact label="state" value={issue.state} />
          <a href={`${path}/edit`}>edit</a>
          <PostButton action={`${path}/${close}`} text={close} />
          <PostButton action={`${path}/${lock}`} text={lock} />
        </div>,
      )
    }),
  )

  app.get('/issue/:id/edit', (c) =>
    withIssue(c, (issue) =>
      show(
        c,
        'edit',
        <div>
          <form method="post" action={`/issue/${issue.id}/edit`}>
            <SelectField name="label" options={LABELS} value={issue.label} />
            <TextField name="assignee" value={issue.assignee} />
            <button type="submit">save</button>
          </form>
          <a href={`/issue/${issue.id}`}>cancel</a>
        </div>,
      ),
    ),
  )

  app.post('/issue/:id/edit', (c) =>
    withIssue(c, async (issue) => {
      const fields = await form(c)
      const label = labelOf(fields.get('label'))
      const assignee = (fields.get('assignee') ?? '').trim().toLowerCase()
      if (!label || !hostOf(c).people.includes(assignee)) return seeOther(c, `/issue/${issue.id}/edit`)
      state.triage(hostOf(c), issue, label, assignee)
      return seeOther(c, `/issue/${issue.id}`)
    }),
  )

  for (const [verb, change] of [
    ['close', (c, issue) => state.setIssueState(hostOf(c), issue, 'closed')],
    ['reopen', (c, issue) => state.setIssueState(hostOf(c), issue, 'open')],
    ['lock', (c, issue) => state.lockIssue(hostOf(c), issue, true)],
    ['unlock', (c, issue) => state.lockIssue(hostOf(c), issue, false)],
  ] as [string, (c: SiteContext, issue: Issue) => void][]) {
    app.post(`/issue/:id/${verb}`, (c) =>
      withIssue(c, (issue) => {
        change(c, issue)
        return seeOther(c, `/issue/${issue.id}`)
      }),
    )
  }
}

export function merges(app: SiteApp): void {
  app.get('/project/:name/merges', (c) =>
    withProject(c, (project) => {
      const list = paginate(state.openMerges(hostOf(c), project.name), whole(c.req.query('page')))
      return show(
        c,
        'merges',
        <div>
          <a href={pathOf(project.name)}>{project.name}</a>
          <ul>
            {list.rows.map((merge) => (
              <Row href={`/merge/${merge.id}`} text={merge.title} />
            ))}
          </ul>
          <Pager
            page={list.page}
            pages={list.pages}
            href={(n) => `${pathOf(project.name)}/merges?page=${n}`}
          />
        </div>,
      )
    }),
  )

  app.get('/merge/:id', (c) =>
    withMerge(c, (merge) => {
      const path = `/merge/${merge.id}`
      const open = merge.state === 'open'
      return show(
        c,
        merge.title,
        <div>
          <a href={pathOf(merge.project)}>{merge.project}</a>
          <Fact label="author" value={merge.author} />
          <Fact label="reviewer" value={merge.reviewer} />
          <Fact label="approved" value={merge.approved ? 'yes' : 'no'} />
          <Fact label="state" value={merge.state} />
          {open && !merge.approved ? <PostButton action={`${path}/approve`} text="approve" /> : null}
          {open && merge.approved ? <PostButton action={`${path}/merge`} text="merge" /> : null}
          {open ? <PostButton action={`${path}/close`} text="close" /> : null}
        </div>,
      )
    }),
  )

  for (const [verb, change] of [
    ['approve', (c, merge) => state.approve(hostOf(c), merge)],
    ['merge', (c, merge) => state.mergeRequest(hostOf(c), merge)],
    ['close', (c, merge) => state.closeMerge(hostOf(c), merge)],
  ] as [string, (c: SiteContext, merge: Merge) => void][]) {
    app.post(`/merge/:id/${verb}`, (c) =>
      withMerge(c, (merge) => {
        change(c, merge)
        return seeOther(c, `/merge/${merge.id}`)
      }),
    )
  }
}
