// What travels to a GPU host: which sources of this repository, which packages of node_modules, and which of their
// files do nothing at run time. Decides by path alone; copies nothing.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Largest archive or carried folder, bytes: what a host with a transfer limit of 64 MiB takes with some room. */
export const LIMIT = 60_000_000

/** Top-level files and folders of the repository that a GPU host builds, runs and reads. */
export const SOURCES = [
  'CMakeLists.txt',
  'LICENSE',
  'README.md',
  'bench',
  'binding.gyp',
  'docs',
  'lib',
  'native',
  'package-lock.json',
  'package.json',
  'scripts',
  'test/gpu',
  'test/native/cuda-emulation',
  'tsconfig.json',
]

/** Left out of the sources: pictures and what a run leaves. */
export const isSource = (path) =>
  !/(^|\/)(node_modules|fixtures|\.cache|__pycache__)(\/|$)|\.(png|log|jsonl|pyc|node)$/.test(path)

/** A file of node_modules that nothing loads: types, maps, documentation, TypeScript sources beside what they became. */
export const isDeadWeight = (path) => /\.([cm]?tsx?|map|md|markdown|flow|gypi?)$/i.test(path)

/**
 * cmake-js is needed only to install LibTorch or to build through it, which a host with cmake does without; the
 * others drive browsers and ask language models over a network, which a host that benchmarks has neither of.
 */
const NOT_CARRIED = [
  'cmake-js',
  'playwright-core',
  'ai',
  '@ai-sdk/anthropic',
  '@ai-sdk/google',
  '@ai-sdk/openai-compatible',
]

/**
 * Folders of node_modules that running needs, from package-lock.json: the closure of `dependencies`.
 * @param {{ packages: Record<string, { dependencies?: object, optionalDependencies?: object }> }} lock
 * @param {(folder: string) => boolean} exists optional packages of other platforms are not installed
 */
export function runtimePackages(lock, exists) {
  const found = new Set()
  // Node's own resolution: the nearest node_modules that has the package, from the folder of who asks outwards.
  const resolve = (from, name) => {
    let base = from
    for (;;) {
      const folder = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`
      if (lock.packages[folder]) return folder
      if (base === '') return undefined
      base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))
    }
  }
  const visit = (from, names, optional) => {
    for (const name of names) {
      if (from === '' && NOT_CARRIED.includes(name)) continue
      const folder = resolve(from, name)
      if (!folder || !exists(folder)) {
        if (optional) continue
        throw new Error(`node_modules lacks ${name}, which ${from || 'package.json'} needs; run npm ci first`)
      }
      if (found.has(folder)) continue
      found.add(folder)
      const entry = lock.packages[folder]
      visit(folder, Object.keys(entry.dependencies ?? {}), false)
      visit(folder, Object.keys(entry.optionalDependencies ?? {}), true)
    }
  }
  visit('', Object.keys(lock.packages['']?.dependencies ?? {}), false)
  return [...found].sort()
}

/** Files below `folder` for which `keep` holds, as paths relative to `root`; symbolic links are left out. */
export function filesBelow(root, folder, keep) {
  const found = []
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) {
      // A nested node_modules belongs to packages of its own.
      if (entry.name !== 'node_modules' && keep(`${path}/`)) found.push(...filesBelow(root, path, keep))
    } else if (entry.isFile() && keep(path)) found.push(path)
  }
  return found.sort()
}
