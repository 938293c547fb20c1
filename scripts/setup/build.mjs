// Builds build/Release/mira.node with cmake-js, offline, against one LibTorch. Keeps the whole log in
// build/setup.log; a failure shows its end. Decides nothing about when to build.
import { createWriteStream, existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { SetupError } from './failure.mjs'
import { buildJobs } from './host.mjs'
import { buildDir, logPath, root, shown } from './paths.mjs'
import { lastLines, run } from './run.mjs'
import { usesCuda } from './stamp.mjs'

const BUILD_MS = 2 * 3600_000

function cmakeJs() {
  const manifest = createRequire(join(root, 'package.json')).resolve('cmake-js/package.json')
  return join(dirname(manifest), 'bin', 'cmake-js')
}

/** What CMake remembers of another LibTorch, generator or compiler must not leak into this build. */
function forgetConfiguration() {
  rmSync(join(buildDir, 'CMakeCache.txt'), { force: true })
  rmSync(join(buildDir, 'CMakeFiles'), { recursive: true, force: true })
}

/**
 * The build folder is there already: set-up's lock lies in it.
 * @param {(text: string) => void} progress gets "12/40" while compiling
 */
export async function build(torch, { cmake, fresh }, progress) {
  if (fresh) forgetConfiguration()
  const log = createWriteStream(logPath)
  const jobs = buildJobs()
  const args = [
    '--directory',
    root,
    '--out',
    buildDir,
    '--cmake-path',
    cmake,
    '--config',
    'Release',
    '--parallel',
    String(jobs),
  ]
  const defines = { LIBTORCH: torch.root, MIRA_CUDA: usesCuda(torch) ? 'ON' : 'OFF', MIRA_CCACHE: 'ON' }
  for (const [name, value] of Object.entries(defines)) args.push(`--CD${name}=${value}`)

  let output = ''
  const step = async (verb) => {
    log.write(`\n== cmake-js ${verb}\n`)
    const result = await run(process.execPath, [cmakeJs(), verb, ...args], {
      cwd: root,
      deadlineMs: BUILD_MS,
      onChunk: (text) => {
        log.write(text)
        const counts = [...text.matchAll(/\[\s*(\d+\/\d+|\d+%)\]/g)].at(-1)
        if (counts) progress(`compiling ${counts[1]}`)
      },
    })
    output = result.output
    return result
  }

  try {
    progress('configuring')
    let result = await step('configure')
    if (result.code !== 0 && !fresh && existsSync(join(buildDir, 'CMakeCache.txt'))) {
      forgetConfiguration()
      result = await step('configure')
    }
    if (result.code === 0) {
      progress(`compiling with ${jobs} ${jobs === 1 ? 'job' : 'jobs'}`)
      result = await step('build')
    }
    if (result.code === 0) return
    const code = /\b(E_(?:LIBTORCH|CUDA)_\w+)/.exec(output)?.[1] ?? 'E_BUILD'
    const why = result.timedOut ? 'did not end within two hours' : 'failed'
    throw new SetupError(
      code,
      `building the addon ${why}; the whole log is ${shown(logPath)}`,
      'mend what it names and run: npm run setup',
      { details: lastLines(output, 30) },
    )
  } finally {
    await new Promise((done) => log.end(done))
  }
}
