// Loads an addon in a child process first, because a wrong binary can end the process that loads it.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SetupError } from './failure.mjs'
import { addonPath, shown } from './paths.mjs'
import { lastLines, run } from './run.mjs'

const probePath = join(dirname(fileURLToPath(import.meta.url)), 'probe.mjs')

/** @returns the addon's info(): versions compiled and loaded, LibTorch's path, CPU and CUDA facts. */
export async function loadInChild(path = addonPath) {
  if (!existsSync(path)) throw new SetupError('E_LOAD', `there is no ${shown(path)}`, 'run: npm run setup')
  const result = await run(process.execPath, [probePath, path], { deadlineMs: 120_000 })
  if (result.code === 0) {
    try {
      return JSON.parse(result.stdout)
    } catch (cause) {
      throw new SetupError(
        'E_LOAD',
        `${shown(path)} loads but its info() is not JSON`,
        'run: npm run setup -- --force',
        { cause },
      )
    }
  }
  const how = result.timedOut
    ? 'did not load within two minutes'
    : result.signal
      ? `crashed while loading (${result.signal})`
      : 'does not load'
  const why = result.output
    .split('\n')
    .find((line) => /^(\w*Error|.*: cannot open|.*undefined symbol)/.test(line))
  throw new SetupError(
    'E_LOAD',
    `${shown(path)} ${how}${why ? `: ${why.trim()}` : ''}`,
    'build it anew with: npm run setup -- --force',
    {
      details: why ? undefined : lastLines(result.output, 12),
    },
  )
}

/** Throws unless the LibTorch that the loader really took is the one that was meant. */
export function checkLoaded(info, torch) {
  const wanted = join(torch.root, 'lib')
  if (!info.libtorchPath.startsWith(`${wanted}/`) || !info.torch.startsWith(torch.version))
    throw new SetupError(
      'E_LIBTORCH_MIXED',
      `the addon was built for LibTorch ${torch.version} in ${wanted}, but the loader took ${info.torch} at ${info.libtorchPath}`,
      'unset LD_LIBRARY_PATH and LD_PRELOAD, or remove the other LibTorch',
    )
}
