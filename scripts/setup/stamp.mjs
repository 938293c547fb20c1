// Decides whether the addon in build/ is the one that these sources, this LibTorch and this Node would give.
// The record is written last, after the smoke test, and removed first, so that a broken build is never "ready".
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { wantsCuda } from './host.mjs'
import { identity } from './libtorch.mjs'
import { addonPath, root, stampPath } from './paths.mjs'

function filesUnder(path) {
  const found = []
  for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
    const name = `${path}/${entry.name}`
    if (entry.isDirectory()) found.push(...filesUnder(name))
    else found.push(name)
  }
  return found.sort()
}

/** Hash of everything the compiler is given by this repository. */
export function sourceHash() {
  const hash = createHash('sha256')
  for (const path of ['CMakeLists.txt', ...filesUnder('native')])
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0')
  return hash.digest('hex')
}

/** What a finished build would be recorded as. */
export function expected(torch) {
  return {
    sources: sourceHash(),
    libtorch: identity(torch),
    cuda: usesCuda(torch),
    node: `${process.arch} modules ${process.versions.modules}`,
  }
}

/** The CUDA half is built only where it is wanted: elsewhere its libraries are dead weight, or missing. */
export function usesCuda(torch) {
  return torch.variant.startsWith('cu') && wantsCuda()
}

function addonIdentity() {
  const { size, mtimeMs } = statSync(addonPath)
  return `${size} ${Math.trunc(mtimeMs)}`
}

/** The record of the last finished build, or undefined. */
export function readStamp() {
  try {
    return JSON.parse(readFileSync(stampPath, 'utf8'))
  } catch {
    return undefined
  }
}

/** Why the addon has to be built, as a phrase; undefined when it need not be. */
export function whyBuild(torch, stamp = readStamp()) {
  if (!stamp) return 'there is no finished build'
  const now = expected(torch)
  if (stamp.sources !== now.sources) return 'native sources changed'
  if (stamp.libtorch !== now.libtorch) return 'LibTorch changed'
  if (stamp.cuda !== now.cuda) return now.cuda ? 'CUDA is wanted now' : 'CUDA is no longer wanted'
  if (stamp.node !== now.node) return 'Node changed'
  try {
    if (stamp.addon !== addonIdentity()) return 'the addon file is another one'
  } catch {
    return 'the addon file is missing'
  }
  return undefined
}

export function forget() {
  rmSync(stampPath, { force: true })
}

export function record(torch, now) {
  writeFileSync(stampPath, `${JSON.stringify({ ...now, addon: addonIdentity(), torch }, null, 2)}\n`)
}
