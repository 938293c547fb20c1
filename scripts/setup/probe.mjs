// Loads the addon and prints its info() as JSON: the body of the child process in which a bad binary may die.
//   node scripts/setup/probe.mjs build/Release/mira.node
import { createRequire } from 'node:module'

const addon = createRequire(import.meta.url)(process.argv[2])
process.stdout.write(JSON.stringify(addon.info()))
