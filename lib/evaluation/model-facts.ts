/** Language models in an evaluation as labels and values: which were asked and how, and what that took. Pure. */
import type { Provenance } from './provenance.ts'
import type { EvaluationResult } from './result.ts'
import { workLine } from './work.ts'

export type Fact = [label: string, value: string]

/** With what it was made, as far as it is about language models. */
export function modelFacts({ prompted, sgo }: Pick<Provenance, 'prompted' | 'sgo'>): Fact[] {
  const facts: Fact[] = []
  if (prompted) facts.push(['agent', thinking(prompted)])
  if (!sgo) return facts
  const { planner, rater, noise, replanAfter, stallTemperature, aim, onStall } = sgo
  const parts = [
    `planner ${planner}`,
    `rater ${rater}`,
    ...(planner === 'oracle' ? [] : [thinking(sgo), `another plan after ${replanAfter} steps`]),
    `aim ${aim}`,
    `when stalled ${onStall}${stallTemperature ? ` at temperature ${stallTemperature}` : ''}`,
    ...(noise ? [`verdicts missed ${noise.falseNegative}, invented ${noise.falsePositive}`] : []),
  ]
  facts.push(['SGO', parts.join(', ')])
  return facts
}

function thinking(own: { thinking: number | 'auto' | null }): string {
  return `thinking ${own.thinking ?? 'as the model does by itself'}`
}

/** What they took. */
export function workFacts({ work: { planning, acting } }: Pick<EvaluationResult, 'work'>): Fact[] {
  const facts: Fact[] = []
  if (acting) facts.push(['agent', workLine(acting)])
  if (!planning) return facts
  const { spent, believed, revised, unanswered } = planning
  // An oracle costs nothing.
  if (spent.calls + spent.cached > 0) facts.push(['planning', workLine(planning)])
  const share = `${(100 * believed).toFixed(1)}% believed reached before the last action`
  facts.push(['checklists', `${share}, ${revised} revised, ${unanswered} steps without an answer`])
  return facts
}

/** The same, a line each. */
export function workLines(result: Pick<EvaluationResult, 'work'>): string[] {
  return workFacts(result).map(([label, value]) => `${label}: ${value}`)
}
