// Makes this clone ready to train: dependencies, LibTorch, the addon; does only what is missing and says why.
// Plain Node without any package, so that it runs in a fresh clone. When all is there it takes well under a second.
//   npm run setup [-- --force | --build-only | --dependencies-only | --quiet-if-ready]
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { dependenciesReady, installDependencies } from './dependencies.mjs'
import { download } from './download.mjs'
import { EXIT_ENVIRONMENT, failureText, SetupError } from './failure.mjs'
import { checkNode, checkPlatform, findNvcc, findPython, missingTools, requireSpace, tools } from './host.mjs'
import { findWithoutPython, inPython, unresolvedLibraries } from './libtorch.mjs'
import { alone } from './lock.mjs'
import { buildDir, logPath, root, shown } from './paths.mjs'
import { checkLoaded, loadInChild } from './smoke.mjs'
import { expected, forget, readStamp, record, usesCuda, whyBuild } from './stamp.mjs'
import { elapsed, terminal } from './terminal.mjs'

const OPTIONS = {
  '--force': 'build the addon even if it is there',
  '--build-only': 'leave node_modules as it is',
  '--dependencies-only': 'only bring node_modules up to date',
  '--quiet-if-ready': 'print nothing when there is nothing to do',
}
const quiet = () => {}

/** Every tool that will be needed, asked for before anything is downloaded. */
async function preflight(stamp, show) {
  checkPlatform()
  const toolbox = await tools()
  const missing = [...toolbox.missing]
  if (!findWithoutPython(quiet, stamp)) {
    const python = await findPython()
    toolbox.python = python
    // pip is only for downloading.
    const enough = !python.problem || (python.path && (await inPython(python, quiet)))
    if (!enough) missing.push({ what: python.problem, thing: python.thing })
  }
  if (missing.length) throw missingTools(missing)
  show.say(`tools: ${toolbox.compiler.version}; cmake ${toolbox.cmake.version}; ${toolbox.generator}`)
  return toolbox
}

async function chooseLibTorch(toolbox, stamp, show) {
  show.say('LibTorch')
  const torch =
    findWithoutPython(show.say, stamp) ??
    (await inPython(toolbox.python, show.say)) ??
    (await download(toolbox.python, toolbox.cmake.path, show.say, show.progress))
  show.say(
    `  taken: ${torch.version} (${torch.variant}) at ${shown(torch.root)}, from ${torch.source}${torch.kept ? ' as before' : ''}`,
  )
  const gone = await unresolvedLibraries(torch, usesCuda(torch))
  if (gone.length)
    throw new SetupError(
      'E_CUDA_LIBS',
      `LibTorch at ${torch.root} needs ${gone.join(', ')}, which the loader cannot find`,
      'install them, or set LIBTORCH to a complete LibTorch',
    )
  if (usesCuda(torch)) show.say(`  nvcc: ${await cudaCompiler(torch)}`)
  return torch
}

/** The version of nvcc; throws unless it is there and of the CUDA that `torch` was built with. */
async function cudaCompiler(torch) {
  const nvcc = await findNvcc()
  const wanted = /^cu(\d+)\d$/.exec(torch.variant)?.[1]
  const mend = `install the CUDA ${wanted ?? ''} toolkit or set CUDACXX, or build for the CPU alone with: MIRA_CUDA=0 npm run setup`
  if (nvcc.problem)
    throw new SetupError(
      'E_CUDA_NVCC',
      `LibTorch at ${torch.root} is a CUDA build, and there is ${nvcc.problem}`,
      mend,
    )
  if (wanted && nvcc.version.split('.')[0] !== wanted)
    throw new SetupError(
      'E_CUDA_VERSION',
      `LibTorch at ${torch.root} was built with CUDA ${wanted}, and ${nvcc.path} is of ${nvcc.version}`,
      mend,
    )
  return `${nvcc.version} at ${nvcc.path}`
}

async function install(show) {
  const why = existsSync(join(root, 'node_modules'))
    ? 'node_modules is not what package-lock.json says'
    : 'there is no node_modules'
  show.say(`dependencies: npm ci, because ${why}`)
  const start = Date.now()
  await installDependencies(show.progress)
  show.say(`  installed in ${elapsed(start)}`)
}

async function buildAddon(torch, why, toolbox, show) {
  const start = Date.now()
  show.say(`addon: building, because ${why}; log in ${shown(logPath)}`)
  requireSpace(buildDir, 0.5e9, 'building the addon')
  const now = expected(torch)
  const before = readStamp()
  const fresh = before?.libtorch !== now.libtorch || before.cuda !== now.cuda
  forget()
  await build(torch, { cmake: toolbox.cmake.path, fresh }, show.progress)
  show.progress('loading the addon in a child process')
  checkLoaded(await loadInChild(), torch)
  record(torch, now)
  show.say(`  built and loaded in ${elapsed(start)}`)
}

async function main(args) {
  const show = terminal()
  const options = new Set(args)
  const unknown = args.find((arg) => !Object.hasOwn(OPTIONS, arg))
  if (unknown !== undefined) {
    const known = Object.entries(OPTIONS).map(([name, meaning]) => `  ${name.padEnd(22)}${meaning}`)
    show.say(
      `${unknown === '--help' ? 'options:' : `unknown option ${unknown}; known are:`}\n${known.join('\n')}`,
    )
    return unknown === '--help' ? 0 : 2
  }
  const start = Date.now()
  try {
    checkNode()
    const force = options.has('--force')
    const modules = () => options.has('--build-only') || dependenciesReady()
    const addon = () => {
      if (options.has('--dependencies-only')) return true
      const stamp = readStamp()
      const torch = findWithoutPython(quiet, stamp)
      return torch !== undefined && !whyBuild(torch, stamp)
    }
    if (!force && modules() && addon()) {
      if (!options.has('--quiet-if-ready'))
        show.say('mira is set up; nothing to do (npm run doctor shows the facts)')
      return 0
    }
    return await alone(show.say, async () => {
      show.say(`Setting up mira in ${root} (Node ${process.versions.node})`)
      const stamp = force ? undefined : readStamp()
      const wanted = !options.has('--dependencies-only') && (force || !addon())
      const toolbox = wanted && (await preflight(stamp, show))
      if (!modules()) await install(show)
      if (wanted) {
        const torch = await chooseLibTorch(toolbox, stamp, show)
        const why = force ? 'asked for' : whyBuild(torch)
        if (why) await buildAddon(torch, why, toolbox, show)
      }
      show.say(`mira is set up (${elapsed(start)})`)
      return 0
    })
  } catch (error) {
    show.end()
    show.say(failureText(error))
    return EXIT_ENVIRONMENT
  }
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
])
  process.once(signal, () => process.exit(status))
process.exitCode = await main(process.argv.slice(2))
