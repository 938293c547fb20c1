// Runs Debian's DokuWiki on loopback with pages and accounts of its own: a real web application, written by others,
// that the browser driver can be tried on. Everything it writes lies in one folder; the system's wiki is not touched.
//
//   node --import tsx scripts/webapp/dokuwiki.ts install                    apt-get, as root
//   node --import tsx scripts/webapp/dokuwiki.ts serve [--port 8340] [--data DIR]
//
// Serves until it is interrupted. The wiki is put back into its first state at every start.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const PROGRAM = '/usr/share/dokuwiki'
const PACKAGES = ['dokuwiki', 'php-cli', 'php-xml']
const START_MS = 15_000

export const ACCOUNTS = {
  editor: { name: 'Edith Orme', password: 'wiki-editor-7', groups: 'user' },
  admin: { name: 'Ada Quill', password: 'wiki-admin-7', groups: 'admin,user' },
}

/** Pages of the wiki by id; the text is DokuWiki's own markup. */
export const PAGES = {
  start: '====== Harbour Notes ======\n\nWelcome. See [[boats:list]], [[tides]] and the [[handbook]].\n',
  tides:
    '====== Tides ======\n\nHigh water at the north pier is at **06:40** on Monday and 07:25 on Tuesday.\n',
  handbook:
    '====== Handbook ======\n\n===== Berths =====\n\nThe fee for a berth is 42 crowns a night.\n\n===== Contact =====\n\nThe harbour master is Marit Lund.\n',
  'boats:list':
    '====== Boats ======\n\n^ Name ^ Length ^ Owner ^\n| Skarv | 9 m | O. Hald |\n| Terne | 7 m | M. Lund |\n| Havørn | 12 m | K. Sund |\n',
  'boats:skarv': '====== Skarv ======\n\nA wooden boat of 1961, painted green.\n',
}

export class WebAppError extends Error {}

function configure(data: string): { prepend: string; saved: string } {
  const conf = join(data, 'conf')
  const saved = join(data, 'saved')
  const mark = join(data, '.mira-dokuwiki')
  // Only a folder of our own is emptied.
  if (existsSync(data) && !existsSync(mark) && readdirSync(data).length > 0)
    throw new WebAppError(`--data: expected a new or empty folder, ${data} holds other files; name another`)
  rmSync(data, { recursive: true, force: true })
  const folders = [
    'attic',
    'cache',
    'index',
    'locks',
    'log',
    'media',
    'media_attic',
    'media_meta',
    'meta',
    'pages',
    'tmp',
  ]
  for (const folder of folders) mkdirSync(join(saved, folder), { recursive: true })
  mkdirSync(conf, { recursive: true })
  writeFileSync(mark, '')
  const settings = {
    title: 'Harbour Notes',
    savedir: saved,
    useacl: 1,
    authtype: 'authplain',
    passcrypt: 'smd5',
    superuser: '@admin',
    disableactions: 'register',
    // A wiki on loopback must not ask the world whether there is a newer one.
    updatecheck: 0,
    // Log-in and edit forms last as long as an evaluation.
    auth_security_timeout: 86_400,
    // What was previewed leaves no draft for the next log-in.
    usedraft: 0,
    // Edits count at once: the page cache would show an older page for a second.
    cachetime: -1,
  }
  const lines = Object.entries(settings).map(([key, value]) => `$conf['${key}'] = ${JSON.stringify(value)};`)
  writeFileSync(join(conf, 'local.php'), `<?php\n${lines.join('\n')}\n`)
  writeFileSync(join(conf, 'acl.auth.php'), '*\t@ALL\t1\n*\t@user\t8\n')
  const users = Object.entries(ACCOUNTS).map(
    ([login, { name, password, groups }]) =>
      `${login}:${saltedMd5(password)}:${name}:${login}@localhost:${groups}`,
  )
  writeFileSync(join(conf, 'users.auth.php'), `${users.join('\n')}\n`)
  // Debian enables a plugin for DokuWiki's own tests, which says so on every page.
  writeFileSync(join(conf, 'plugins.local.php'), "<?php\n$plugins['testing'] = 0;\n")
  const prepend = join(data, 'prepend.php')
  writeFileSync(
    prepend,
    [
      '<?php',
      `define('DOKU_CONF', ${JSON.stringify(`${conf}/`)});`,
      "define('DOKU_FARM', 'mira');",
      `$config_cascade = ['main' => ['default' => ['/etc/dokuwiki/dokuwiki.php'], 'local' => [DOKU_CONF . 'local.php']],`,
      `  'acl' => ['default' => DOKU_CONF . 'acl.auth.php'],`,
      `  'plainauth.users' => ['default' => DOKU_CONF . 'users.auth.php']];`,
      '',
    ].join('\n'),
  )
  return { prepend, saved }
}

/** DokuWiki's "smd5", which is crypt's MD5 form; PHP makes it, since it will check it. */
function saltedMd5(password: string): string {
  const salt = createHash('sha256').update(password).digest('hex').slice(0, 8)
  const made = spawnSync('php', ['-r', 'echo crypt($argv[1], "$1$" . $argv[2] . "$");', password, salt], {
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new WebAppError(`php cannot make a password: ${made.stderr}`)
  return made.stdout
}

function seed(saved: string): void {
  for (const [id, text] of Object.entries(PAGES)) {
    const file = join(saved, 'pages', `${id.replaceAll(':', '/')}.txt`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}

function index(prepend: string): void {
  const made = spawnSync(
    'php',
    ['-d', `auto_prepend_file=${prepend}`, join(PROGRAM, 'bin', 'indexer.php'), '-c', '-q'],
    {
      encoding: 'utf8',
      timeout: 60_000,
    },
  )
  if (made.status !== 0)
    throw new WebAppError(`the search index cannot be made: ${made.stderr || made.stdout}`)
}

export interface RunningWiki {
  origin: string
  close(): Promise<void>
}

/** Starts the wiki in its first state; rejects with WebAppError when it does not answer. */
export async function serveDokuWiki({
  port = 8340,
  data,
}: {
  port?: number
  data?: string
} = {}): Promise<RunningWiki> {
  const missing = [
    ...(existsSync(join(PROGRAM, 'doku.php')) ? [] : [PROGRAM]),
    ...(spawnSync('php', ['-v']).status === 0 ? [] : ['php']),
  ]
  if (missing.length > 0) {
    throw new WebAppError(
      `${missing.join(' and ')} not found: node --import tsx scripts/webapp/dokuwiki.ts install (as root, on Debian)`,
    )
  }
  const folder = resolve(data ?? mkdtempSync(join(tmpdir(), 'mira-dokuwiki-')))
  const { prepend, saved } = configure(folder)
  seed(saved)
  index(prepend)
  const php = spawn(
    'php',
    [
      '-d',
      `auto_prepend_file=${prepend}`,
      '-d',
      'display_errors=0',
      '-S',
      `127.0.0.1:${port}`,
      '-t',
      PROGRAM,
    ],
    // Several workers: a page's own requests must not wait for each other.
    {
      env: { ...process.env, PHP_CLI_SERVER_WORKERS: '4' },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    },
  )
  let said = ''
  php.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-4000)
  })
  const ended = new Promise((done) => php.once('exit', done))
  const origin = `http://127.0.0.1:${port}`
  const close = async () => {
    try {
      if (php.pid !== undefined) process.kill(-php.pid, 'SIGTERM')
    } catch {
      // gone already
    }
    await ended
    if (data === undefined) rmSync(folder, { recursive: true, force: true })
  }
  for (const deadline = Date.now() + START_MS; ; await sleep(100)) {
    const answer = await fetch(`${origin}/doku.php?id=start`, { signal: AbortSignal.timeout(5000) }).catch(
      () => undefined,
    )
    if (answer?.ok && (await answer.text()).includes('Harbour Notes')) return { origin, close }
    if (php.exitCode !== null || Date.now() > deadline) {
      await close()
      throw new WebAppError(
        `DokuWiki did not answer at ${origin} within ${START_MS / 1000} s: ${said.trim().split('\n').at(-1)}`,
      )
    }
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string' }, data: { type: 'string' } },
  })
  if (positionals[0] === 'install') {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const steps = [['update'], ['install', '-y', '--no-install-recommends', ...PACKAGES]]
    for (const step of steps) {
      const { status } = spawnSync('apt-get', step, { stdio: 'inherit', env })
      if (status !== 0)
        throw new WebAppError(`apt-get ${step[0]} failed; it needs root and Debian's package lists`)
    }
    return
  }
  if (positionals[0] !== 'serve')
    throw new WebAppError(`expected "install" or "serve", received "${positionals[0] ?? ''}"`)
  const port = Number(values.port ?? 8340)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new WebAppError(`--port: expected 1 to 65535, received "${values.port}"`)
  const wiki = await serveDokuWiki({ port, ...(values.data ? { data: values.data } : {}) })
  const accounts = Object.entries(ACCOUNTS).map(([login, { password }]) => `${login} / ${password}`)
  console.log(`DokuWiki at ${wiki.origin}/doku.php (accounts ${accounts.join(', ')}); Ctrl-C ends it`)
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => wiki.close().then(() => process.exit(0)))
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main().catch((error: unknown) => {
    console.error(error instanceof WebAppError ? error.message : error)
    process.exitCode = 1
  })
}
