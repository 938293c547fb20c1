/**
 * Prints what the embedded policy reads and writes, one text per line: instructions, pages and actions of the
 * scripted expert over many worlds of every template. The corpus scripts/tokenizer/train.py learns its words from.
 *
 * Run:  node --import tsx scripts/tokenizer/corpus.ts [worlds per template] > corpus.txt
 */
import { embeddedBackend } from '../../lib/sites/backend.ts'
import { play } from '../../lib/sites/demonstrations.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { taskFrom } from '../../lib/sites/suite.ts'
import { createWorld } from '../../lib/sites/world.ts'
import { formatAction } from '../../lib/web/grammar.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'

const worlds = Number(process.argv[2] ?? 60)
const driver = inProcessDriver(embeddedBackend(embeddedWeb))
// What the prompt composer adds by itself, and every action of the grammar.
const lines = new Set(['user', 'model', ' # failed', 'go_backward()', 'go_forward()', 'exit(message="done")'])
for (const action of ['Click', 'Right Click', 'Type', 'Search', 'Hover', 'Select Dropdown Option']) {
  lines.add(`do(action="${action}", element="", argument="")`)
}
for (const action of ['Scroll Up', 'Scroll Down', 'Press Enter', 'Switch Tab', 'Wait'])
  lines.add(`do(action="${action}")`)
for (let n = 0; n < 100; n++) lines.add(`<b>${n}</b>`)

for (const template of embeddedWeb.templates.values()) {
  for (let seed = 0; seed < worlds; seed++) {
    const embedded = taskFrom(template, seed)
    lines.add(embedded.task.intent)
    const world = createWorld(seed)
    const ways = [
      template.expert(world, embedded.params),
      ...template.slips(world, embedded.params).map((s) => s.actions),
    ]
    for (const actions of ways) {
      for (const addressing of ['name', 'id'] as const) {
        const { steps } = await play(driver, embedded, actions, addressing)
        for (const { observation, action } of steps) {
          lines.add(observation.text)
          lines.add(formatAction(action))
        }
      }
    }
  }
}
process.stdout.write(`${[...lines].join('\n')}\n`)
