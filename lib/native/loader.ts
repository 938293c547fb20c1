/**
 * Finds and loads the addon, once per thread and only when somebody needs it.
 * Looks at MIRA_ADDON (a path) and then at build/Release/mira.node of this package. Builds nothing.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { MiraNativeError } from './errors.ts'
import type { NativeAddon } from './types.ts'

const require = createRequire(import.meta.url)

/** Where the addon is or would be. */
export function addonPath(env: NodeJS.ProcessEnv = process.env): string {
  return env.MIRA_ADDON || fileURLToPath(new URL('../../build/Release/mira.node', import.meta.url))
}

/**
 * The addon. Node keeps what it has loaded, so every later call returns the same object.
 * @throws MiraNativeError ERR_ADDON_MISSING when it is not built, ERR_ADDON_STALE when it was built for
 *   another LibTorch or CPU, ERR_ADDON_BROKEN when it does not load for any other reason
 */
export function loadNative(path: string = addonPath()): NativeAddon {
  if (!existsSync(path)) {
    const source = process.env.MIRA_ADDON === path ? 'MIRA_ADDON names' : 'the native addon is expected at'
    throw new MiraNativeError(
      'ERR_ADDON_MISSING',
      `${source} ${path}, which does not exist; run \`npm run setup\``,
    )
  }
  try {
    return require(path) as NativeAddon
  } catch (cause) {
    throw loadError(path, cause)
  }
}

function loadError(path: string, cause: unknown): MiraNativeError {
  const message = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'E_LIBTORCH_MIXED' || code === 'E_CPU_UNSUPPORTED') {
    return new MiraNativeError('ERR_ADDON_STALE', message, { cause })
  }
  const advice = 'run `npm run setup` to build it for this machine, then `npm run doctor`'
  return new MiraNativeError('ERR_ADDON_BROKEN', `cannot load ${path}: ${message}; ${advice}`, { cause })
}
