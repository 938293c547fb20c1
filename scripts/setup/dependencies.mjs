// Keeps node_modules as package-lock.json says, by `npm ci`, and only then. Compares contents, not times.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { SetupError } from './failure.mjs'
import { root } from './paths.mjs'
import { lastLines, run } from './run.mjs'

const lockPath = join(root, 'package-lock.json')
const installedPath = join(root, 'node_modules', '.package-lock.json')
const stampPath = join(root, 'node_modules', '.mira-setup')

const sha256 = (text) => createHash('sha256').update(text).digest('hex')

/**
 * Whether node_modules holds what the lock file asks for. An installed package has no lock file: then npm has
 * already done it. The stamp saves the comparison; a hand-made `npm install` that satisfies the lock is accepted.
 */
export function dependenciesReady() {
  if (!existsSync(lockPath)) return true
  if (!existsSync(installedPath)) return false
  const lock = readFileSync(lockPath, 'utf8')
  const installed = readFileSync(installedPath, 'utf8')
  const mark = sha256(lock + installed)
  if (existsSync(stampPath) && readFileSync(stampPath, 'utf8') === mark) return true
  const have = JSON.parse(installed).packages
  const complete = Object.entries(JSON.parse(lock).packages).every(
    ([path, wanted]) =>
      path === '' || wanted.optional || wanted.peer || have[path]?.version === wanted.version,
  )
  if (complete) remember(mark)
  return complete
}

function remember(mark) {
  try {
    writeFileSync(stampPath, mark)
  } catch {
    // a read-only checkout only loses the short cut
  }
}

export async function installDependencies(progress) {
  progress('npm ci')
  const self = process.env.npm_execpath
  const npm = self && basename(self) === 'npm-cli.js' ? [process.execPath, self] : ['npm']
  const args = [
    ...npm.slice(1),
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
  ]
  const result = await run(npm[0], args, { cwd: root, deadlineMs: 1800_000, idleMs: 600_000 })
  if (result.code !== 0 || !dependenciesReady())
    throw new SetupError(
      'E_DEPENDENCIES',
      result.missing
        ? 'npm is not on PATH'
        : `npm ci failed in ${root}${result.timedOut ? ' (no answer from the package registry)' : ''}`,
      result.missing ? 'install Node together with npm' : 'check the network, then run: npm ci',
      { details: lastLines(result.output, 15) },
    )
}
