/** Which guide a configuration opens: who plans, who rates, and what cannot be. */
import { expect, test } from 'vitest'
import { loadConfig } from '../../lib/config/load.ts'
import { guideOf, openGuide } from '../../lib/evaluation/guide.ts'
import { LanguageModels } from '../../lib/llm/models.ts'
import { NO_MILESTONES } from '../../lib/milestones/checker.ts'

const open = (...set: string[]) => {
  const config = loadConfig({ set })
  return { guide: openGuide(config, new LanguageModels(config.llm), NO_MILESTONES), about: guideOf(config) }
}
const A = 'openai:a@http://localhost:1/v1'
const B = 'openai:b@http://localhost:1/v1'

test.each([
  [[], undefined],
  [['sgo.planner=oracle'], { planner: 'oracle', rater: 'oracle' }],
  [['sgo.planner=oracle', 'llm.models.rater=gemini:m'], { planner: 'oracle', rater: 'oracle' }],
  [['sgo.planner=oracle', `sgo.rater=${A}`], { planner: 'oracle', rater: A }],
  [
    ['sgo.planner=oracle', 'sgo.noise={falseNegative: 0.1, falsePositive: 0.2}'],
    { planner: 'oracle', rater: 'oracle' },
  ],
  [[`sgo.planner=${A}`], { planner: A, rater: A }],
  [[`sgo.planner=${A}`, `llm.models.rater=${B}`], { planner: A, rater: B }],
  [[`sgo.planner=${A}`, `llm.models.rater=${B}`, `sgo.rater=${A}`], { planner: A, rater: A }],
])('%j', (set, about) => {
  const opened = open(...set)
  expect(opened.guide === undefined).toBe(about === undefined)
  expect(opened.about).toEqual(about)
})

test.each([
  [[`sgo.planner=${A}`, 'sgo.rater=oracle'], /sgo\.rater: "oracle": expected sgo\.planner "oracle"/],
  [
    [`sgo.planner=${A}`, 'sgo.noise={falseNegative: 0, falsePositive: 0}'],
    /sgo\.noise: expected sgo\.planner "oracle"/,
  ],
  [
    ['sgo.planner=oracle', 'evaluation.suite=webarena-lite'],
    /expected the embedded suite, .* received webarena-lite/,
  ],
  [['sgo.planner=clever'], /expected "gemini:gemini-2.5-pro"/],
  [[`sgo.planner=${A}`, 'sgo.prompts=/nowhere'], /sgo-assess\.md: expected a readable file/],
])('%j is one sentence', (set, expected) => {
  expect(() => open(...set)).toThrow(expected)
})
