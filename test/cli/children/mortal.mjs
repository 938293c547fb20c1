// A training process that loses its device: notes each start in a file, then ends as its arguments say.
// Run: node mortal.mjs <log> <exit code per start, comma-separated; "wait" = until a signal>
import { appendFileSync, readFileSync } from 'node:fs'

const [log, codes] = process.argv.slice(2)
appendFileSync(log, 'start\n')
const start =
  readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line === 'start').length - 1
const code = codes.split(',')[start]
if (code === 'wait') {
  const timer = setInterval(() => {}, 1000)
  process.once('SIGINT', () => {
    appendFileSync(log, 'SIGINT\n')
    clearInterval(timer)
    process.exitCode = 4
  })
  appendFileSync(log, 'ready\n')
} else if (code === 'crash') {
  process.kill(process.pid, 'SIGABRT')
} else {
  process.exitCode = Number(code)
}
