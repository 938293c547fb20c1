// Leaves in the middle of verbs, in the way named by the third argument.
import { addonPath, folder, load, longVerb, turn } from './common.mjs'

const how = process.argv[4]
const addon = load(addonPath)
const megabytes = how === 'idle' || how === 'wait' ? 16 : 256
const verbs = [0, 1, 2].map((i) => longVerb(addon, folder, `exit-${i}`, megabytes))
for (let i = 0; i < 3; i++) await turn()
if (how === 'exit') process.exit(7)
if (how === 'throw') throw new Error('thrown on purpose')
if (how === 'kill-later') setTimeout(() => process.exit(8), 100)
if (how === 'idle') await Promise.all(verbs)
// 'wait': nothing holds the process but the promises.
if (how === 'wait') verbs[2].then(() => console.log('settled'))
