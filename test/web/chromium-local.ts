// What the Chromium tests share: whether there is a browser, loopback sites of a test's own, tasks on them.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Task } from '../../lib/tasks/task.ts'

export interface LocalSite {
  /** http://127.0.0.1:PORT */
  readonly origin: string
  /** Paths that were asked for, in order. */
  readonly hits: string[]
  close(): Promise<void>
}

export type Pages = Record<string, string | ((request: IncomingMessage, response: ServerResponse) => void)>

/** Serves `pages` by path, the query left out; '*' is what answers every other path. A string is an HTML page. */
export async function localSite(pages: Pages): Promise<LocalSite> {
  const hits: string[] = []
  const server = createServer((request, response) => {
    const url = request.url ?? '/'
    hits.push(url)
    const page = pages[url.split('?')[0] as string] ?? pages['*']
    response.setHeader('content-type', 'text/html; charset=utf-8')
    if (typeof page === 'function') page(request, response)
    else if (page !== undefined) response.end(page)
    else response.writeHead(404).end('<h1>not found</h1>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hits,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A task that begins at `startUrl` and asks for the answer "yes". */
export function taskAt(startUrl: string, id: string | number = 1): Task {
  return {
    sites: ['local'],
    task_id: id,
    require_login: false,
    storage_state: null,
    start_url: startUrl,
    geolocation: null,
    intent_template: '',
    instantiation_dict: {},
    intent: 'look around',
    require_reset: false,
    intent_template_id: 0,
    eval: {
      eval_types: ['string_match'],
      reference_answers: { exact_match: 'yes' },
      reference_url: '',
      program_html: [],
    },
  }
}
