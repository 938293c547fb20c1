// What this machine offers: Node, the tool chain, Python with pip, disk space, a GPU, and the words with which
// its package manager installs what is missing. Changes nothing.
// Node 16 has neither statfsSync nor availableParallelism, and must come as far as checkNode.
import fs, { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { SetupError } from './failure.mjs'
import { root } from './paths.mjs'
import { lastLines, run } from './run.mjs'

const MANAGERS = {
  apt: {
    install: 'apt-get install -y',
    compiler: 'g++',
    cmake: 'cmake',
    make: 'make',
    python: 'python3',
    pip: 'python3-pip',
  },
  dnf: {
    install: 'dnf install -y',
    compiler: 'gcc-c++',
    cmake: 'cmake',
    make: 'make',
    python: 'python3',
    pip: 'python3-pip',
  },
  zypper: {
    install: 'zypper install -y',
    compiler: 'gcc-c++',
    cmake: 'cmake',
    make: 'make',
    python: 'python3',
    pip: 'python3-pip',
  },
  pacman: {
    install: 'pacman -S --noconfirm',
    compiler: 'gcc',
    cmake: 'cmake',
    make: 'make',
    python: 'python',
    pip: 'python-pip',
  },
}

function osRelease() {
  try {
    return readFileSync('/etc/os-release', 'utf8')
  } catch {
    return ''
  }
}

/** The command that installs `things` (keys of MANAGERS' rows) on the distribution that `release` describes. */
export function installCommand(things, release = osRelease(), asRoot = process.getuid?.() === 0) {
  const ids = [...release.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].map((match) => match[1]).join(' ')
  const has = (...names) => names.some((name) => ids.split(/\s+/).includes(name))
  const manager = has('fedora', 'rhel', 'centos')
    ? MANAGERS.dnf
    : has('suse', 'opensuse', 'sles')
      ? MANAGERS.zypper
      : has('arch')
        ? MANAGERS.pacman
        : MANAGERS.apt
  const packages = [...new Set(things.map((thing) => manager[thing]))].join(' ')
  return `${asRoot ? '' : 'sudo '}${manager.install} ${packages}`
}

/** a >= b for dotted versions. */
export function atLeast(a, b) {
  const [x, y] = [a, b].map((version) => version.split('.').map((part) => Number.parseInt(part, 10) || 0))
  for (let i = 0; i < y.length; i++) if ((x[i] ?? 0) !== y[i]) return (x[i] ?? 0) > y[i]
  return true
}

export function checkNode(version = process.versions.node, napi = process.versions.napi) {
  const { engines, binary } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const wanted = engines.node.replace('>=', '')
  const level = Math.max(...binary.napi_versions)
  if (!atLeast(version, wanted) || Number(napi) < level)
    throw new SetupError(
      'E_NODE',
      `mira needs Node ${wanted} or newer (Node-API ${level}), found ${version} (Node-API ${napi})`,
      'install a current Node, for example with: nvm install 22',
    )
}

export function checkPlatform() {
  const { platform, arch } = process
  if (platform !== 'linux' || !['x64', 'arm64'].includes(arch))
    throw new SetupError(
      'E_PLATFORM',
      `LibTorch for mira exists on Linux x64 and arm64, this is ${platform} ${arch}`,
      'run mira on such a machine or in a container',
    )
  if (!process.report.getReport().header.glibcVersionRuntime)
    throw new SetupError(
      'E_PLATFORM',
      'LibTorch needs glibc 2.28 or newer, and this system has another C library (musl)',
      'use a Debian, Ubuntu or Fedora image',
    )
}

/** Full path of a program on PATH, or undefined. */
export function which(name, env = process.env) {
  if (name.includes('/')) return existsSync(name) ? name : undefined
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    if (!folder) continue
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // not here
    }
  }
  return undefined
}

const CXX_PROBE = `#include <concepts>
#include <span>
static_assert(__cplusplus >= 202002L);
int main() { return std::span<int>{}.size(); }
`

/** @returns {Promise<{ path: string, version: string } | { problem: string }>} */
async function findCompiler(env) {
  const candidates = env.CXX ? [env.CXX] : ['g++', 'clang++']
  let problem = env.CXX ? `the C++ compiler that CXX names, ${env.CXX}` : 'a C++ compiler'
  for (const name of candidates) {
    const path = which(name, env)
    if (!path) continue
    const probe = await run(path, ['-std=c++20', '-x', 'c++', '-fsyntax-only', '-'], {
      env,
      input: CXX_PROBE,
      deadlineMs: 120_000,
    })
    if (probe.code === 0) {
      const said = await run(path, ['--version'], { env, deadlineMs: 60_000 })
      return { path, version: said.stdout.split('\n')[0].trim() }
    }
    const line = probe.output.split('\n').find((text) => text.includes('error')) ?? lastLines(probe.output, 1)
    problem = `a compiler that takes C++20 (${path} says: ${line.trim() || 'nothing'})`
  }
  return { problem }
}

/** Oldest CMake that CMakeLists.txt accepts; the file is the only place with the number. */
function cmakeFloor() {
  const text = readFileSync(join(root, 'CMakeLists.txt'), 'utf8')
  return /cmake_minimum_required\s*\(\s*VERSION\s+([\d.]+)/i.exec(text)?.[1] ?? '3.18'
}

async function findCMake(env) {
  const path = which('cmake', env)
  if (!path) return { problem: 'CMake' }
  const said = await run(path, ['--version'], { env, deadlineMs: 60_000 })
  const version = /version ([\d.]+)/.exec(said.stdout)?.[1]
  const floor = cmakeFloor()
  if (said.code !== 0 || !version)
    return { problem: `a CMake that runs (${path} says: ${lastLines(said.output, 1)})` }
  return atLeast(version, floor)
    ? { path, version }
    : { problem: `CMake ${floor} or newer (${path} is ${version})` }
}

/** A Python with a working pip. @returns {Promise<{path?: string, version?: string, pip?: string, problem?: string, thing?: string}>} */
export async function findPython(env = process.env) {
  const path = which('python3', env) ?? which('python', env)
  if (!path) return { problem: 'Python 3', thing: 'python' }
  const said = await run(path, ['--version'], { env, deadlineMs: 60_000 })
  const version = /Python (3[\d.]*)/.exec(said.output)?.[1]
  if (said.code !== 0 || !version)
    return { problem: `Python 3 (${path} says: ${lastLines(said.output, 1)})`, thing: 'python' }
  const pip = await run(path, ['-m', 'pip', '--version'], { env, deadlineMs: 120_000 })
  const pipVersion = /pip ([\d.]+)/.exec(pip.stdout)?.[1]
  if (pip.code !== 0 || !pipVersion) return { path, version, problem: `pip for ${path}`, thing: 'pip' }
  return { path, version, pip: pipVersion }
}

/**
 * Every tool the build needs, with all that is missing in one answer, so that one command mends it.
 * @returns {Promise<{ compiler: object, cmake: object, generator?: string, missing: { what: string, thing: string }[] }>}
 */
export async function tools(env = process.env) {
  const [compiler, cmake] = await Promise.all([findCompiler(env), findCMake(env)])
  const generator = which('ninja', env) ? 'ninja' : which('make', env) ? 'make' : undefined
  const missing = []
  if (compiler.problem) missing.push({ what: compiler.problem, thing: 'compiler' })
  if (cmake.problem) missing.push({ what: cmake.problem, thing: 'cmake' })
  if (!generator) missing.push({ what: 'make or ninja', thing: 'make' })
  return { compiler, cmake, generator, missing }
}

/** @param {{ what: string, thing: string }[]} missing */
export function missingTools(missing) {
  const names = missing.map((entry) => entry.what)
  const list = names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0]
  const code = missing.every(({ thing }) => thing === 'python' || thing === 'pip')
    ? 'E_PYTHON'
    : 'E_TOOLCHAIN'
  return new SetupError(
    code,
    `the set-up needs ${list}`,
    `install with: ${installCommand(missing.map((entry) => entry.thing))}`,
  )
}

/** Whether an NVIDIA driver is loaded; reads two paths, starts nothing. */
export function hasGpu() {
  return existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidiactl') || existsSync('/dev/dxg')
}

/** Whether the addon is to have its CUDA half: MIRA_CUDA=1 or 0 says so (to build for another machine), else a GPU. */
export function wantsCuda(env = process.env) {
  if (env.MIRA_CUDA === '1') return true
  if (env.MIRA_CUDA === '0') return false
  return hasGpu()
}

/**
 * The CUDA compiler: CUDACXX, else CUDA_HOME's, PATH's or /usr/local/cuda's.
 * @returns {Promise<{ path: string, version: string } | { problem: string }>} version: 13.0
 */
export async function findNvcc(env = process.env) {
  const candidates = env.CUDACXX
    ? [env.CUDACXX]
    : [
        ...[env.CUDA_HOME, env.CUDA_PATH].filter(Boolean).map((home) => join(home, 'bin', 'nvcc')),
        'nvcc',
        '/usr/local/cuda/bin/nvcc',
      ]
  const path = candidates.map((name) => which(name, env)).find(Boolean)
  if (!path)
    return { problem: env.CUDACXX ? `no CUDA compiler at CUDACXX=${env.CUDACXX}` : 'no CUDA compiler (nvcc)' }
  const said = await run(path, ['--version'], { env, deadlineMs: 60_000 })
  const version = /release ([\d.]+)/.exec(said.stdout)?.[1]
  if (said.code !== 0 || !version)
    return { problem: `no CUDA compiler that runs (${path} says: ${lastLines(said.output, 1)})` }
  return { path, version }
}

function existingParent(path) {
  let folder = path
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

/** Throws E_DISK unless the volume of `path` has `bytes` free; `use` says what for. */
export function requireSpace(path, bytes, use) {
  const { bavail, bsize } = fs.statfsSync(existingParent(path))
  const free = bavail * bsize
  if (free < bytes)
    throw new SetupError(
      'E_DISK',
      `${use} needs ${gigabytes(bytes)} free at ${path}, there are ${gigabytes(free)}`,
      'free some space or point MIRA_CACHE to a larger disk',
    )
}

export function gigabytes(bytes) {
  return `${(bytes / 1e9).toFixed(1)} GB`
}

/** Memory this process may use, bytes: what the kernel calls available, within the container's limit. */
export function availableMemory() {
  const limit = process.constrainedMemory?.() || Number.POSITIVE_INFINITY
  const kib = Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 4e6)
  return Math.min(limit, kib * 1024)
}

/** One compiler takes up to 1.5 GB on LibTorch's headers. MIRA_JOBS overrides. */
export function buildJobs(env = process.env) {
  const asked = Number(env.MIRA_JOBS)
  if (Number.isInteger(asked) && asked > 0) return asked
  return Math.max(1, Math.min(os.availableParallelism(), Math.floor(availableMemory() / 1.5e9)))
}
