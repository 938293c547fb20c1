#!/usr/bin/env node
// The command `mira`. Runs lib/cli/main.ts through tsx of this package; `mira setup` and `mira doctor` need
// neither, so that they work before anything is installed.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const scripts = dirname(fileURLToPath(import.meta.url))
const own = { setup: join(scripts, 'setup', 'main.mjs'), doctor: join(scripts, 'doctor.mjs') }
const [, , command, ...rest] = process.argv

async function start(path, args) {
  // The entry point sees itself as the program, as if node had been given its path.
  process.argv = [process.argv[0], path, ...args]
  await import(pathToFileURL(path).href)
}

if (Object.hasOwn(own, command ?? '')) {
  await start(own[command], rest)
} else {
  try {
    await import('tsx')
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    const place = existsSync(join(scripts, '..', 'node_modules')) ? 'are incomplete' : 'are not installed'
    process.stderr.write(`E_DEPENDENCIES: mira's packages ${place}; run: npm run setup\n`)
    process.exit(3)
  }
  await start(join(scripts, '..', 'lib', 'cli', 'main.ts'), process.argv.slice(2))
}
