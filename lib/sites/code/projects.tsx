/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** Finding projects, and what concerns a project as a whole: stars, forks, members, files, one's account. */
import { form, type SiteApp, type SiteContext, seeOther, whole } from '../http.ts'
import { Fact, Pager, PostButton, paginate, Row, SearchBox, SelectField, TextField } from '../layout.tsx'
import { SiteLinks } from '../links.tsx'
import { FILES, type Project, ROLES, type Role, SETTINGS } from './data.ts'
import { missing, show } from './frame.tsx'
import { codeOf, fork, projectNamed, setRole, star } from './state.ts'

export const pathOf = (project: string) => `/project/${project}`

/** Runs `then` with the project the path names. */
export function withProject(c: SiteContext, then: (project: Project) => Response | Promise<Response>) {
  const project = projectNamed(codeOf(c.env.world), c.req.param('name') ?? '')
  return project ? then(project) : missing(c)
}

export function projects(app: SiteApp): void {
  app.get('/', (c) => {
    const list = paginate(codeOf(c.env.world).projects, whole(c.req.query('page')))
    return show(
      c,
      'code',
      <div>
        <SearchBox action="/search" />
        <ul>
          {list.rows.map((project) => (
            <Row href={pathOf(project.name)} text={project.name} />
          ))}
        </ul>
        <Pager page={list.page} pages={list.pages} href={(page) => `/?page=${page}`} />
        <SiteLinks here="code" origins={c.env.origins} />
      </div>,
    )
  })

  app.get('/search', (c) => {
    const query = (c.req.query('q') ?? '').trim().toLowerCase()
    const hits = codeOf(c.env.world).projects.filter(
      (project) => query !== '' && project.name.includes(query),
    )
    return show(
      c,
      'results',
      <ul>
        {hits.slice(0, 5).map((project) => (
          <Row href={pathOf(project.name)} text={project.name} />
        ))}
      </ul>,
    )
  })

  app.get('/project/:name', (c) =>
    withProject(c, (project) => {
      const path = pathOf(project.name)
      const verb = project.starred ? 'unstar' : 'star'
      return show(
        c,
        project.name,
        <div>
          <Fact label="stars" value={project.stars} />
          <Fact label="forks" value={project.forks} />
          {project.source ? <Fact label="source" value={project.source} /> : null}
          {(['issues', 'merges', 'members', 'files'] as const).map((part) => (
            <a href={`${path}/${part}`}>{part}</a>
          ))}
          <PostButton action={`${path}/${verb}`} text={verb} />
          <a href={`${path}/fork`}>fork</a>
        </div>,
      )
    }),
  )

  for (const verb of ['star', 'unstar'] as const) {
    app.post(`/project/:name/${verb}`, (c) =>
      withProject(c, (project) => {
        star(codeOf(c.env.world), project, verb === 'star')
        return seeOther(c, pathOf(project.name))
      }),
    )
  }

  app.get('/project/:name/fork', (c) =>
    withProject(c, (project) =>
      show(
        c,
        'fork',
        <div>
          <form method="post" action={`${pathOf(project.name)}/fork`}>
            <TextField name="name" />
            <button type="submit">create</button>
          </form>
          <a href={pathOf(project.name)}>cancel</a>
        </div>,
      ),
    ),
  )

  app.post('/project/:name/fork', (c) =>
    withProject(c, async (project) => {
      const name = ((await form(c)).get('name') ?? '').trim().toLowerCase()
      const copy = /^[a-z0-9-]{1,40}$/.test(name) ? fork(codeOf(c.env.world), project, name) : undefined
      return seeOther(c, copy ? pathOf(copy.name) : `${pathOf(project.name)}/fork`)
    }),
  )

  members(app)
  files(app)

  app.get('/account', (c) => {
    const host = codeOf(c.env.world)
    return show(
      c,
      'account',
      <div>
        <Fact label="user" value={host.user ?? 'nobody'} />
        <Fact label="changes" value={host.changes.count} />
        <ul>
          {host.projects
            .filter((project) => project.starred)
            .slice(0, 5)
            .map((project) => (
              <Row href={pathOf(project.name)} text={project.name} />
            ))}
        </ul>
      </div>,
    )
  })
}

function members(app: SiteApp): void {
  app.get('/project/:name/members', (c) =>
    withProject(c, (project) => {
      const path = pathOf(project.name)
      const list = paginate([...project.members], whole(c.req.query('page')))
      return show(
        c,
        'members',
        <div>
          <a href={path}>{project.name}</a>
          <a href={`${path}/invite`}>invite</a>
          <ul>
            {list.rows.map(([person, role]) => (
              <Row href={`${path}/member/${person}`} text={person} values={[role]} />
            ))}
          </ul>
          <Pager page={list.page} pages={list.pages} href={(page) => `${path}/members?page=${page}`} />
        </div>,
      )
    }),
  )

  const roleForm = (c: SiteContext, project: Project, title: string, action: string, choice: object) =>
    show(
      c,
      title,
      <div>
        <form method="post" action={action}>
          {choice}
          <SelectField name="role" options={ROLES} value={project.members.get(title) ?? ROLES[0]} />
          <button type="submit">save</button>
        </form>
        <a href={`${pathOf(project.name)}/members`}>cancel</a>
      </div>,
    )

  app.get('/project/:name/invite', (c) =>
    withProject(c, (project) =>
      roleForm(c, project, 'invite', `${pathOf(project.name)}/invite`, <TextField name="name" />),
    ),
  )
  app.get('/project/:name/member/:person', (c) =>
    withProject(c, (project) => {
      const person = c.req.param('person')
      const role = project.members.get(person)
      if (role === undefined) return missing(c)
      return roleForm(
        c,
        project,
        person,
        `${pathOf(project.name)}/member/${person}`,
        <Fact label="now" value={role} />,
      )
    }),
  )

  app.on('POST', ['/project/:name/invite', '/project/:name/member/:person'], (c) =>
    withProject(c, async (project) => {
      const host = codeOf(c.env.world)
      const fields = await form(c)
      const person = c.req.param('person') ?? (fields.get('name') ?? '').trim().toLowerCase()
      const role = ROLES.find((known) => known === fields.get('role'))
      if (!role || !host.people.includes(person)) return missing(c)
      setRole(host, project, person, role as Role)
      return seeOther(c, `${pathOf(project.name)}/members`)
    }),
  )
}

function files(app: SiteApp): void {
  app.get('/project/:name/files', (c) =>
    withProject(c, (project) =>
      show(
        c,
        'files',
        <ul>
          {FILES.map((file) => (
            <Row href={`${pathOf(project.name)}/file/${file}`} text={file} />
          ))}
        </ul>,
      ),
    ),
  )

  app.get('/project/:name/file/:file', (c) =>
    withProject(c, (project) => {
      const file = FILES.find((known) => known === c.req.param('file'))
      if (!file) return missing(c)
      return show(
        c,
        file,
        <div>
          <a href={pathOf(project.name)}>{project.name}</a>
          {file === 'config' ? (
            SETTINGS.map((setting) => <Fact label={setting} value={project.settings[setting]} />)
          ) : (
            <p>{file === 'license' ? 'free' : 'good start'}</p>
          )}
        </div>,
      )
    }),
  )
}
