// Turns vitest's JSON report and the exit codes of the test run, of `npm run check` and of the CUDA build into the
// one line that ends a CI run. A file that could not be loaded, a run that died and a failed check each count as one failure.
//   node scripts/count-results.mjs REPORT.json TEST_STATUS CHECK_STATUS CUDA_STATUS
import { readFileSync } from 'node:fs'

const [, , path, testStatus, checkStatus, cudaStatus] = process.argv
let report = { testResults: [] }
try {
  report = JSON.parse(readFileSync(path, 'utf8'))
} catch (error) {
  process.stdout.write(`no test report: ${error.message}\n`)
}
const count = { passed: 0, failed: 0, skipped: 0 }
for (const file of report.testResults) {
  if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
    count.failed++
    process.stdout.write(`failed as a whole: ${file.name}\n`)
  }
  for (const { status } of file.assertionResults) count[status in count ? status : 'skipped']++
}
if (testStatus !== '0' && count.failed === 0) count.failed++
for (const [what, status] of [
  ['npm run check', checkStatus],
  ['the CUDA build', cudaStatus],
]) {
  if (status === '0') continue
  count.failed++
  process.stdout.write(`${what} failed\n`)
}
process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`)
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0
