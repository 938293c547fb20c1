// Says whether training would start on this machine, and on what: versions, LibTorch meant and LibTorch loaded,
// CPU, memory, GPU. Changes nothing. Exit 0 only when everything is in place.
//   npm run doctor [-- --json]
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { dependenciesReady } from './setup/dependencies.mjs'
import { EXIT_ENVIRONMENT, SetupError } from './setup/failure.mjs'
import {
  availableMemory,
  checkNode,
  checkPlatform,
  findPython,
  gigabytes,
  hasGpu,
  installCommand,
  tools,
  which,
} from './setup/host.mjs'
import { findWithoutPython, inPython } from './setup/libtorch.mjs'
import { addonPath, cacheDir, shown } from './setup/paths.mjs'
import { run } from './setup/run.mjs'
import { checkLoaded, loadInChild } from './setup/smoke.mjs'
import { readStamp, whyBuild } from './setup/stamp.mjs'

/** One fact: what was looked at, what was found, and whether training can start with it. */
const fact = (name, value, problem) => ({ name, value, ...(problem ? { problem } : {}) })

async function attempt(name, look) {
  try {
    return fact(name, await look())
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    return fact(name, null, { code: error.code, message: error.message })
  }
}

async function gpuFact() {
  if (!which('nvidia-smi')) return hasGpu() ? 'an NVIDIA driver, but no nvidia-smi' : 'none'
  const query = '--query-gpu=name,memory.total,driver_version,compute_cap'
  const said = await run('nvidia-smi', [query, '--format=csv,noheader'], { deadlineMs: 20_000 })
  return said.code === 0
    ? said.stdout.trim().split('\n').join('; ')
    : `nvidia-smi fails: ${said.output.trim()}`
}

function cpuFact() {
  const flags = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : ''
  const wide = ['avx2', 'avx512f', 'avx512_bf16', 'amx_bf16'].filter((flag) =>
    new RegExp(`\\b${flag}\\b`).test(flags),
  )
  return `${cpus()[0]?.model.trim() ?? process.arch}, ${availableParallelism()} usable cores${wide.length ? `, ${wide.join(' ')}` : ''}`
}

/** Tools matter only until the addon is built: then their absence is a remark, no obstacle. */
async function toolFacts(built) {
  const { compiler, cmake, generator } = await tools()
  const python = await findPython()
  const row = (name, value, thing, needed) =>
    fact(
      name,
      value ?? null,
      value || !needed
        ? undefined
        : { code: 'E_TOOLCHAIN', message: `not found; install with: ${installCommand([thing])}` },
    )
  return [
    row('compiler', compiler.version, 'compiler', !built),
    row('cmake', cmake.version, 'cmake', !built),
    row('build tool', generator, 'make', !built),
    row(
      'python',
      python.version && `${python.version} (pip ${python.pip ?? 'missing'}) at ${python.path}`,
      'python',
      false,
    ),
  ]
}

async function meantLibTorch() {
  const settled = findWithoutPython(() => {}, readStamp())
  if (settled) return settled
  const python = await findPython()
  const torch = python.path && (await inPython(python, () => {}))
  if (torch) return torch
  throw new SetupError(
    'E_LIBTORCH_MISSING',
    `no LibTorch in LIBTORCH, in ${shown(cacheDir())}/libtorch or in Python`,
    'run: npm run setup',
  )
}

export async function examine() {
  const facts = []
  facts.push(
    await attempt('node', () => {
      checkNode()
      return `${process.versions.node} (Node-API ${process.versions.napi})`
    }),
  )
  facts.push(
    await attempt('platform', () => {
      checkPlatform()
      return `${process.platform} ${process.arch}, glibc ${process.report.getReport().header.glibcVersionRuntime}`
    }),
  )
  const npm = await run('npm', ['--version'], { deadlineMs: 30_000 })
  facts.push(fact('npm', npm.code === 0 ? npm.stdout.trim() : null))
  facts.push(
    dependenciesReady()
      ? fact('dependencies', 'as package-lock.json says')
      : fact('dependencies', null, {
          code: 'E_DEPENDENCIES',
          message: 'node_modules is not what package-lock.json says; run: npm run setup',
        }),
  )
  let torch
  facts.push(
    await attempt('libtorch meant', async () => {
      torch = await meantLibTorch()
      return `${torch.version} (${torch.variant}) at ${shown(torch.root)}, from ${torch.source}${torch.kept ? ' as before' : ''}`
    }),
  )
  let info
  const addon = await attempt('addon', async () => {
    info = await loadInChild()
    if (torch) checkLoaded(info, torch)
    const stale = torch && whyBuild(torch, readStamp())
    if (stale) throw new SetupError('E_STALE', `the addon is out of date: ${stale}`, 'run: npm run setup')
    return shown(addonPath)
  })
  facts.push(...(await toolFacts(!addon.problem)), addon)
  if (info) facts.push(fact('libtorch loaded', `${info.torch} at ${shown(info.libtorchPath)}`))
  facts.push(fact('cpu', cpuFact()))
  if (info?.cpu) facts.push(fact('libtorch cpu', `${info.cpu.capability}, ${info.cpu.threads} threads`))
  facts.push(fact('memory', `${gigabytes(availableMemory())} available of ${gigabytes(totalmem())}`))
  facts.push(fact('gpu', await gpuFact()))
  if (info?.cuda)
    facts.push(
      fact('cuda', info.cuda.available ? info.cuda.devices.map(({ name }) => name).join(', ') : 'not used'),
    )
  return { ready: facts.every((entry) => !entry.problem), facts, info: info ?? null }
}

const report = await examine()
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
else {
  for (const { name, value, problem } of report.facts) {
    const text = problem ? `${problem.code}: ${problem.message}` : (value ?? 'not found')
    process.stdout.write(`${problem ? '✗' : ' '} ${name.padEnd(16)}${text}\n`)
  }
  process.stdout.write(report.ready ? 'ready: npm run train would start\n' : 'not ready: npm run setup\n')
}
process.exitCode = report.ready ? 0 : EXIT_ENVIRONMENT
