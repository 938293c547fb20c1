/** A small site with a login form, one account ("ann lee", "p&ss") and a session cookie, for tests of logging in. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LoginFlow } from '../../lib/suites/login-flows.ts'

/** How one logs in to it. */
export const FLOW: LoginFlow = {
  path: '/login',
  username: { label: 'Username' },
  password: { label: 'Password' },
  submit: { button: 'Log in' },
  probe: '/user/{username}/account',
  loggedOut: { path: '/login' },
}

/** What the site was asked, and the sessions it knows. */
export interface Site {
  url: string
  logins: number
  headers: IncomingMessage['headers'][]
  sessions: Set<string>
  /** Before every answer. */
  delayMs: number
  close(): void
}

export async function startSite(cookie: string): Promise<Site> {
  const site: Site = { url: '', logins: 0, headers: [], sessions: new Set(), delayMs: 0, close: () => {} }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://x')
    site.headers.push(request.headers)
    const session = new RegExp(`${cookie}=(\\w+)`).exec(request.headers.cookie ?? '')?.[1]
    const answer = (status: number, body: string, headers = {}) =>
      setTimeout(() => {
        response.writeHead(status, { 'content-type': 'text/html', ...headers })
        response.end(body)
      }, site.delayMs)
    if (pathname === '/login' && request.method === 'POST') {
      let body = ''
      request.on('data', (chunk) => (body += chunk))
      request.on('end', () => {
        const fields = new URLSearchParams(body)
        if (fields.get('u') !== 'ann lee' || fields.get('p') !== 'p&ss')
          return answer(302, '', { location: '/login?no' })
        const id = `s${++site.logins}`
        site.sessions.add(id)
        answer(302, '', { location: '/', 'set-cookie': `${cookie}=${id}; Path=/` })
      })
    } else if (pathname === '/login') {
      answer(
        200,
        `<form method=post><label>Username <input name=u></label><label for=p>Password</label>
         <input id=p name=p type=password><label><input type=checkbox>Show Password</label><button>Log in</button></form>`,
      )
    } else if (pathname === '/user/ann%20lee/account') {
      if (session && site.sessions.has(session)) answer(200, 'your account')
      else answer(302, '', { location: '/login' })
    } else answer(200, 'home')
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  site.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  site.close = () => {
    server.closeAllConnections()
    server.close()
  }
  return site
}
