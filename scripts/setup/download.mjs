// Brings LibTorch into the cache: pip downloads PyTorch's wheel (which holds the C++ library whole), CMake unpacks it
// aside, a rename puts it in place; an interrupted run leaves nothing that would be taken. Installs no Python package.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './failure.mjs'
import { gigabytes, requireSpace, wantsCuda } from './host.mjs'
import { DOWNLOADED, inspect, unresolvedLibraries } from './libtorch.mjs'
import { cacheDir, shown } from './paths.mjs'
import { lastLines, run } from './run.mjs'

const CPU_INDEX = 'https://download.pytorch.org/whl/cpu'
const NEEDED_BYTES = 2.5e9
const IDLE_MS = 120_000
const DOWNLOAD_MS = 2 * 3600_000

function bytesUnder(folder) {
  let bytes = 0
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      bytes += entry.isDirectory() ? bytesUnder(path) : statSync(path).size
    }
  } catch {
    // pip moves files while we look
  }
  return bytes
}

// Wheels carry a Python tag although the C++ library in them is the same: an interpreter that is too old or too new
// for them asks for the tag of one that is not.
function pythonTag(version) {
  const minor = Number(version.split('.')[1])
  return minor >= 10 && minor <= 14
    ? []
    : ['--python-version', '3.12', '--implementation', 'cp', '--abi', 'cp312']
}

async function pip(python, requirements, staging, progress, { index, deps } = {}) {
  const wheels = join(staging, 'wheels')
  const scratch = join(staging, 'tmp')
  mkdirSync(scratch, { recursive: true })
  const args = [
    '-m',
    'pip',
    'download',
    ...requirements,
    '--dest',
    wheels,
    '--only-binary=:all:',
    '--no-input',
    '--no-cache-dir',
  ]
  args.push('--disable-pip-version-check', '--progress-bar', 'off', ...pythonTag(python.version))
  if (!deps) args.push('--no-deps')
  // A network that drops packets must not hold the set-up: the default index is asked next.
  if (index) args.push('--index-url', index, '--timeout', '10', '--retries', '0')
  let seen = 0
  const result = await run(python.path, args, {
    // pip's own temporary files come here too: /tmp is often small, and growth here is how progress is seen.
    env: {
      ...process.env,
      TMPDIR: scratch,
      PIP_CONFIG_FILE: process.env.PIP_CONFIG_FILE,
      PYTHONUNBUFFERED: '1',
    },
    deadlineMs: DOWNLOAD_MS,
    idleMs: index ? 45_000 : IDLE_MS,
    keepWaiting: () => {
      const now = bytesUnder(staging)
      const moved = now !== seen
      seen = now
      progress(`downloading: ${Math.round(now / 1e6)} MB`)
      return moved
    },
  })
  rmSync(scratch, { recursive: true, force: true })
  return {
    ...result,
    wheels: existsSync(wheels) ? readdirSync(wheels).map((name) => join(wheels, name)) : [],
  }
}

async function unpack(cmake, wheel, folder) {
  mkdirSync(folder, { recursive: true })
  const result = await run(cmake, ['-E', 'tar', 'xf', wheel], { cwd: folder, deadlineMs: 600_000 })
  if (result.code !== 0)
    throw new SetupError(
      'E_LIBTORCH_MISSING',
      `unpacking ${wheel} failed`,
      'check the free space and run: npm run setup',
      { details: lastLines(result.output, 10) },
    )
  rmSync(wheel)
}

/**
 * What a CUDA wheel needs beside itself, as pip requirements. Without a GPU only what libtorch_cpu links: the CUDA
 * runtime and its profiler interface, a few MB; with one all of it.
 */
export function nvidiaRequirements(metadata, gpu) {
  const wanted = []
  for (const [, name, extras, version] of metadata.matchAll(
    /^Requires-Dist: ([\w-]+)(?:\[([\w,-]+)\])?\s*\(?(==[\w.]+)\)?/gm,
  )) {
    if (name === 'cuda-toolkit') {
      const kept = extras?.split(',').filter((extra) => gpu || extra === 'cudart' || extra === 'cupti') ?? []
      if (kept.length) wanted.push(`${name}[${kept.join(',')}]${version}`)
    } else if (/^nvidia-/.test(name) && (gpu || /cuda-(runtime|cupti)/.test(name)))
      wanted.push(`${name}${version}`)
  }
  return wanted
}

function removeLeftovers(folder) {
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith('.incoming-'))) {
    const pid = Number(name.split('-')[1])
    try {
      process.kill(pid, 0)
    } catch (error) {
      if (error.code === 'ESRCH') rmSync(join(folder, name), { recursive: true, force: true })
    }
  }
}

async function fetchWheel(python, staging, say, progress) {
  const requirement = `torch==${DOWNLOADED}`
  const index = process.env.MIRA_TORCH_INDEX ?? (wantsCuda() ? '' : CPU_INDEX)
  if (index) {
    say(`  asking for ${requirement} at ${index}`)
    const first = await pip(python, [requirement], staging, progress, { index })
    if (first.code === 0 && first.wheels.length === 1) return first.wheels[0]
    say(`  not taken: ${first.timedOut ? 'no answer in time' : lastLines(first.output, 1).trim()}`)
    rmSync(join(staging, 'wheels'), { recursive: true, force: true })
  }
  say(`  asking for ${requirement} at pip's own index`)
  const second = await pip(python, [requirement], staging, progress)
  if (second.code === 0 && second.wheels.length === 1) return second.wheels[0]
  throw new SetupError(
    'E_LIBTORCH_MISSING',
    `no LibTorch found, and pip could not download ${requirement}${second.timedOut ? ' (nothing arrived for two minutes)' : ''}`,
    'connect to the network, or name a LibTorch folder: LIBTORCH=/path/to/libtorch npm run setup',
    { details: lastLines(second.output, 8) },
  )
}

/** Downloads into the cache and returns what inspect() says of it. */
export async function download(python, cmake, say, progress) {
  const folder = join(cacheDir(), 'libtorch')
  requireSpace(folder, NEEDED_BYTES, 'downloading and unpacking LibTorch')
  let staging
  try {
    mkdirSync(folder, { recursive: true })
    removeLeftovers(folder)
    staging = mkdtempSync(join(folder, `.incoming-${process.pid}-`))
  } catch (cause) {
    throw new SetupError(
      'E_WRITE',
      `cannot write to the cache ${folder} (${cause.code})`,
      'set MIRA_CACHE to a folder that you may write to',
      { cause },
    )
  }
  try {
    const wheel = await fetchWheel(python, staging, say, progress)
    progress('unpacking')
    const unpacked = join(staging, 'unpacked')
    await unpack(cmake, wheel, unpacked)
    const torch = inspect(unpacked)
    if (torch.reason)
      throw new SetupError(
        'E_LIBTORCH_MISSING',
        `the wheel that pip gave cannot be used: ${torch.reason}`,
        'set LIBTORCH to a folder of your own',
      )
    if (torch.variant !== 'cpu')
      await completeCuda(torch, unpacked, { python, cmake, staging, say, progress })
    const place = join(folder, `${torch.version}-${torch.variant}`)
    // Whoever unpacked the same version first has won; a folder there that cannot be used makes room.
    if (existsSync(place) && inspect(place).reason) rmSync(place, { recursive: true, force: true })
    if (!existsSync(place)) renameSync(unpacked, place)
    say(`  unpacked to ${shown(place)} (${gigabytes(bytesUnder(place))})`)
    return { ...inspect(place), source: 'download' }
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

async function completeCuda(torch, unpacked, { python, cmake, staging, say, progress }) {
  const gpu = wantsCuda()
  const missing = await unresolvedLibraries(torch, gpu)
  if (!missing.length) return
  const info = readdirSync(unpacked).find((name) => /^torch-.*\.dist-info$/.test(name))
  const metadata = info ? readFileSync(join(unpacked, info, 'METADATA'), 'utf8') : ''
  const requirements = nvidiaRequirements(metadata, gpu)
  say(`  a ${torch.variant} build that needs ${missing.join(', ')}: downloading ${requirements.join(' ')}`)
  const got = requirements.length
    ? await pip(python, requirements, staging, progress, { deps: true })
    : undefined
  if (got?.code === 0) for (const wheel of got.wheels) await unpack(cmake, wheel, unpacked)
  const still = await unresolvedLibraries(torch, gpu)
  if (still.length)
    throw new SetupError(
      'E_CUDA_LIBS',
      `pip gave a ${torch.variant} build of LibTorch, and ${still.join(', ')} cannot be found`,
      gpu
        ? 'install the CUDA runtime libraries, or name a complete folder with LIBTORCH'
        : 'name an index of CPU builds: MIRA_TORCH_INDEX=URL npm run setup',
      { details: got && lastLines(got.output, 8) },
    )
}
