// Where things are: the package, its build folder, and the cache that several clones share. Creates nothing.
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const buildDir = join(root, 'build')
export const addonPath = join(buildDir, 'Release', 'mira.node')
export const stampPath = join(buildDir, 'setup.json')
export const logPath = join(buildDir, 'setup.log')

/** MIRA_CACHE, else $XDG_CACHE_HOME/mira, else ~/.cache/mira. */
export function cacheDir(env = process.env) {
  if (env.MIRA_CACHE) return resolve(env.MIRA_CACHE)
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mira')
}

/** Home as ~ and the package as a relative path, so that printed paths stay short. */
export function shown(path) {
  if (path === root) return '.'
  if (path.startsWith(`${root}/`)) return path.slice(root.length + 1)
  const home = homedir()
  return home.length > 1 && path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path
}
