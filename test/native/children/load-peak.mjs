// Child of load.test.ts: writes a random checkpoint, or loads one and prints by how much its peak memory grew.
import { readFileSync, writeFileSync } from 'node:fs'
import { Gemma } from '../../../lib/native/model.ts'

const [verb, dir, dtype, last, small] = process.argv.slice(2)
const line = (name) =>
  Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024

if (verb === 'write') {
  const model = await Gemma.random(JSON.parse(last), { dtype })
  await model.save(dir)
  process.stdout.write('{}')
} else {
  // Libraries, threads and allocator are there before the measurement begins.
  const { config } = await Gemma.load(small, { dtype })
  await Gemma.random(config, { dtype })
  writeFileSync('/proc/self/clear_refs', '5')
  const before = line('VmHWM')
  const model = await Gemma.load(dir, { dtype, bufferBytes: Number(last) })
  process.stdout.write(JSON.stringify({ grown: line('VmHWM') - before, parameters: model.parameterCount }))
}
