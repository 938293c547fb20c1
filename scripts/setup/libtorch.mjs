// Finds a LibTorch of a supported version: LIBTORCH, then the cache, then an installed Python torch. Says for each
// place why it was taken or not. Downloading is download.mjs's; here nothing is written.
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { SetupError } from './failure.mjs'
import { atLeast, wantsCuda } from './host.mjs'
import { cacheDir, shown } from './paths.mjs'
import { run } from './run.mjs'

export const SUPPORTED = { first: '2.11', last: '2.14' }
export const DOWNLOADED = '2.13.0'

/**
 * @typedef {{ root: string, version: string, variant: string, source: string, kept?: boolean }} LibTorch
 *   variant: cpu, cu130, ...; source: LIBTORCH, cache, python or download; kept: the last set-up's choice
 */

function text(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function headerVersion(root) {
  const header =
    text(join(root, 'include/torch/headeronly/version.h')) ||
    text(join(root, 'include/torch/csrc/api/include/torch/version.h'))
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
    (name) => new RegExp(`#define TORCH_VERSION_${name} (\\d+)`).exec(header)?.[1],
  )
  return parts.includes(undefined) ? undefined : parts.join('.')
}

function variantOf(root) {
  if (existsSync(join(root, 'lib/libtorch_hip.so'))) return 'rocm'
  if (!existsSync(join(root, 'lib/libtorch_cuda.so'))) return 'cpu'
  const named = /\+(cu\d+)/.exec(text(join(root, 'build-version')) + text(join(root, 'version.py')))?.[1]
  const cuda = /^cuda\b[^=]*= '([\d.]+)'/m.exec(text(join(root, 'version.py')))?.[1]
  return named ?? (cuda ? `cu${cuda.replaceAll('.', '')}` : 'cuda')
}

/**
 * Reads the LibTorch at `folder` (or at its `torch` or `libtorch` subfolder).
 * @returns {{ root: string, version: string, variant: string } | { reason: string, old?: boolean }}
 */
export function inspect(folder) {
  const found = [folder, join(folder, 'torch'), join(folder, 'libtorch')].find((path) =>
    existsSync(join(path, 'share/cmake/Torch/TorchConfig.cmake')),
  )
  if (!found) return { reason: `${shown(folder)} holds no share/cmake/Torch/TorchConfig.cmake` }
  const root = realpathSync(found)
  for (const name of ['libtorch.so', 'libtorch_cpu.so', 'libc10.so'])
    if (!existsSync(join(root, 'lib', name))) return { reason: `${shown(root)}/lib lacks ${name}` }
  const version = headerVersion(root)
  if (!version) return { reason: `${shown(root)}/include has no torch version header` }
  const minor = version.split('.').slice(0, 2).join('.')
  if (!atLeast(minor, SUPPORTED.first) || !atLeast(SUPPORTED.last, minor))
    return {
      reason: `${shown(root)} is ${version}, supported are ${SUPPORTED.first} to ${SUPPORTED.last}`,
      old: true,
    }
  return { root, version, variant: variantOf(root) }
}

/** What changes when another LibTorch comes to stand at the same place. */
export function identity(torch) {
  const { size, mtimeMs } = statSync(join(torch.root, 'lib/libtorch_cpu.so'))
  return `${torch.root} ${torch.version} ${torch.variant} ${size} ${Math.trunc(mtimeMs)}`
}

/** The cache's usable LibTorch: the variant that suits this machine first, then the version a download would bring. */
export function inCache(say, env = process.env) {
  const folder = join(cacheDir(env), 'libtorch')
  let names = []
  try {
    names = readdirSync(folder).filter((name) => !name.startsWith('.'))
  } catch {
    // no cache yet
  }
  const wantCuda = wantsCuda(env)
  const rank = (torch) => [
    (torch.variant !== 'cpu') === wantCuda ? 0 : 1,
    torch.version === DOWNLOADED ? 0 : 1,
  ]
  const usable = []
  for (const name of names) {
    const torch = inspect(join(folder, name))
    if (torch.reason) say(`  not taken: ${torch.reason}`)
    else usable.push(torch)
  }
  usable.sort((a, b) => rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1] || (a.root < b.root ? -1 : 1))
  if (!usable[0]) say(`  not in the cache ${shown(folder)}`)
  return usable[0] && { ...usable[0], source: 'cache' }
}

/**
 * LIBTORCH's folder, else the one the last finished build stands on, else the cache's: all that can be known without
 * starting a program. A choice once made stays until LIBTORCH names another or set-up is forced.
 * @param {{ torch: LibTorch } | undefined} stamp the record of the last finished build
 */
export function findWithoutPython(say, stamp, env = process.env) {
  if (env.LIBTORCH) return named(resolve(env.LIBTORCH))
  say('  LIBTORCH is not set')
  const before = stamp?.torch && inspect(stamp.torch.root)
  if (before && !before.reason) return { ...before, source: stamp.torch.source, kept: true }
  if (before) say(`  not taken: the last set-up's, ${before.reason}`)
  return inCache(say, env)
}

function named(folder) {
  const torch = inspect(folder)
  if (torch.reason)
    throw new SetupError(
      torch.old ? 'E_LIBTORCH_OLD' : 'E_LIBTORCH_MISSING',
      `LIBTORCH is set to ${folder}, but ${torch.reason}`,
      'name the folder that holds lib, include and share/cmake, or unset LIBTORCH',
    )
  return { ...torch, source: 'LIBTORCH' }
}

// find_spec does not import torch, which would take seconds.
const PYTHON_PROBE = `
import importlib.util, json
spec = importlib.util.find_spec("torch")
print(json.dumps(spec.origin if spec else None))
`

/** The torch package of the Python on PATH, if it is of a supported version. */
export async function inPython(python, say) {
  const said = await run(python.path, ['-c', PYTHON_PROBE], { deadlineMs: 120_000 })
  let origin = null
  try {
    origin = JSON.parse(said.stdout)
  } catch {
    // a Python that cannot run the probe has no usable torch either
  }
  if (typeof origin !== 'string') {
    say(`  ${python.path} has no torch`)
    return undefined
  }
  const torch = inspect(dirname(origin))
  if (torch.reason) {
    say(`  not taken: torch of ${python.path}: ${torch.reason}`)
    return undefined
  }
  return { ...torch, source: 'python' }
}

/**
 * Libraries that the loader cannot find for `torch`, by name. Where CUDA is not wanted a CUDA build is linked
 * without its CUDA half, so only what the CPU half needs is asked for there.
 */
export async function unresolvedLibraries(torch, gpu) {
  const names = ['libc10.so', 'libtorch_cpu.so']
  if (gpu && torch.variant !== 'cpu') names.push('libc10_cuda.so', 'libtorch_cuda.so')
  const missing = new Set()
  for (const name of names) {
    const said = await run('ldd', [join(torch.root, 'lib', name)], { deadlineMs: 60_000 })
    for (const match of said.stdout.matchAll(/^\s*(\S+) => not found/gm)) missing.add(match[1])
  }
  return [...missing].sort()
}
