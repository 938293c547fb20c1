/**
 * Measures the failure analyser on failures with known causes and prints agreement, confusion matrix and what it got
 * wrong: `node --import tsx scripts/failure-study.ts [count] [seed]`.
 */
import { analyseFailures } from '../lib/analysis/failures/analyse.ts'
import { failureAgreement } from '../lib/analysis/failures/agreement.ts'
import { agreementText } from '../lib/cli/analysis-output.ts'
import { embeddedWeb } from '../lib/sites/embedded.ts'
import { injectedFailures, labelOf } from '../test/analysis/failures/injected.ts'
import { traps } from '../test/analysis/failures/traps.ts'

const [count = 330, seed = 1] = process.argv.slice(2).map(Number)
const cases = [...(await injectedFailures(count, seed)), ...(await traps())]
const diagnoses = await analyseFailures(
  cases.map(({ episode }) => episode),
  { web: embeddedWeb },
)
const pairs = cases.map((own, i) => [labelOf(own), diagnoses[i]!] as const)
console.log(`${cases.length} failures, seed ${seed}\n${agreementText(failureAgreement(pairs))}\n`)
for (const [i, [label, found]] of pairs.entries()) {
  const near = found.keyStep !== null && Math.abs(found.keyStep - label.keyStep) <= 1
  if (label.class === found.class && near) continue
  const { cause, episode } = cases[i]!
  console.log(
    `${cause} (${episode.task.task_id}): ${label.class} at ${label.keyStep}, found ${found.class} by ${found.rule} at ${found.keyStep}`,
  )
}
