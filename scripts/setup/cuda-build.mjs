// Compiles and links the addon with its CUDA half, and loads it, on a machine that need not have a GPU: what CI can
// prove of that half beyond the emulated kernels. Needs nvcc and a CUDA LibTorch, LIBTORCH_CUDA or one in the cache;
// where either is absent it says so in one line and succeeds. Downloads nothing; builds in build-cuda.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildJobs, findNvcc, which } from './host.mjs'
import { inspect, unresolvedLibraries } from './libtorch.mjs'
import { cacheDir, root, shown } from './paths.mjs'
import { lastLines, run } from './run.mjs'
import { loadInChild } from './smoke.mjs'

const BUILD_MS = 2 * 3600_000
const folder = join(root, 'build-cuda')

/** The CUDA LibTorch to build against, or why there is none. */
function cudaLibTorch(env) {
  if (env.LIBTORCH_CUDA) {
    const torch = inspect(env.LIBTORCH_CUDA)
    if (torch.reason) return { reason: `LIBTORCH_CUDA: ${torch.reason}` }
    return torch.variant.startsWith('cu') ? torch : { reason: `LIBTORCH_CUDA names a ${torch.variant} build` }
  }
  const cache = join(cacheDir(env), 'libtorch')
  let names = []
  try {
    names = readdirSync(cache).filter((name) => !name.startsWith('.'))
  } catch {
    // no cache yet
  }
  const found = names
    .map((name) => inspect(join(cache, name)))
    .find((torch) => torch.variant?.startsWith('cu'))
  return found ?? { reason: `no CUDA LibTorch: LIBTORCH_CUDA is not set and ${shown(cache)} holds none` }
}

async function step(name, program, args) {
  const result = await run(program, args, { cwd: root, deadlineMs: BUILD_MS })
  if (result.code === 0) return true
  console.log(lastLines(result.output, 40))
  console.log(`CUDA build: ${name} ${result.timedOut ? 'did not end within two hours' : 'failed'}`)
  return false
}

async function main(env) {
  const torch = cudaLibTorch(env)
  const nvcc = await findNvcc(env)
  const absent = torch.reason ?? nvcc.problem
  if (absent) {
    console.log(`CUDA build: skipped, ${absent}`)
    return 0
  }
  const generator = which('ninja', env) ? ['-G', 'Ninja'] : []
  const defines = [
    `-DLIBTORCH=${torch.root}`,
    '-DMIRA_CUDA=ON',
    '-DMIRA_CCACHE=ON',
    `-DCMAKE_CUDA_COMPILER=${nvcc.path}`,
  ]
  if (!(await step('configuring', 'cmake', ['-S', root, '-B', folder, ...generator, ...defines]))) return 1
  if (!(await step('compiling', 'cmake', ['--build', folder, '--parallel', String(buildJobs(env))]))) return 1
  const gone = await unresolvedLibraries(torch, true)
  const addon = join(folder, 'Release', 'mira.node')
  const tools = `nvcc ${nvcc.version}, LibTorch ${torch.version} (${torch.variant})`
  if (gone.length) {
    console.log(
      `CUDA build: compiled and linked with ${tools}; not loaded, the loader cannot find ${gone.join(', ')}`,
    )
    return 0
  }
  const info = await loadInChild(addon)
  console.log(
    `CUDA build: compiled, linked and loaded ${shown(addon)} with ${tools}; it says LibTorch ${info.torch}`,
  )
  return 0
}

process.exitCode = await main(process.env).catch((error) => {
  console.log(`CUDA build: ${error.message}`)
  return 1
})
