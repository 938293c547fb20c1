/** The failure analyser against causes that are known: injected failures, traps, references of other tasks. */
import { describe, expect, test } from 'vitest'
import { failureAgreement } from '../../lib/analysis/failures/agreement.ts'
import { analyseFailures } from '../../lib/analysis/failures/analyse.ts'
import { Peers } from '../../lib/analysis/failures/references.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { embeddedTaskOf, taskFrom } from '../../lib/sites/suite.ts'
import {
  CAUSE_NAMES,
  expertOf,
  type Injected,
  injectedFailures,
  labelOf,
  playOut,
} from './failures/injected.ts'
import { traps } from './failures/traps.ts'

async function agreement(cases: readonly Injected[], options: Parameters<typeof analyseFailures>[1]) {
  const diagnoses = await analyseFailures(
    cases.map(({ episode }) => episode),
    options,
  )
  expect(diagnoses).toHaveLength(cases.length)
  return failureAgreement(cases.map((own, i) => [labelOf(own), diagnoses[i]!] as const))
}

// Hundreds of episodes are played; a busy machine takes its time.
describe('failures with known causes', { timeout: 240_000 }, () => {
  test('200 injected ones and 20 traps: cause in 92.5%, key step within one in 85%', async () => {
    const cases = [...(await injectedFailures(200, 20260321)), ...(await traps())]
    expect(new Set(cases.map(({ cause }) => cause)).size).toBe(CAUSE_NAMES.length + 20)
    const { share, kappa, classes, keySteps, count } = await agreement(cases, { web: embeddedWeb })
    expect(share).toBeGreaterThanOrEqual(0.925)
    expect(keySteps.withinOne / count).toBeGreaterThanOrEqual(0.85)
    expect(kappa).toBeGreaterThan(0.9)
    for (const { labelled, recall, precision } of classes) {
      expect(labelled).toBeGreaterThanOrEqual(20)
      expect(recall).toBeGreaterThan(0.85)
      expect(precision).toBeGreaterThan(0.85)
    }
  })

  test('every trap by itself', async () => {
    const cases = await traps()
    const diagnoses = await analyseFailures(
      cases.map(({ episode }) => episode),
      { web: embeddedWeb },
    )
    expect(cases).toHaveLength(20)
    for (const [i, own] of cases.entries()) {
      const label = labelOf(own)
      expect(`${own.cause}: ${diagnoses[i]?.class}`).toBe(`${own.cause}: ${label.class}`)
      expect(Math.abs((diagnoses[i]?.keyStep ?? 0) - label.keyStep), own.cause).toBeLessThanOrEqual(1)
    }
  })

  test('successes of the same template, with other values, are references enough', async () => {
    const cases = await injectedFailures(60, 7)
    const peers = new Peers([])
    for (const { episode } of cases) {
      const { template } = embeddedTaskOf(embeddedWeb, episode.task)
      for (const seed of [1, 2]) {
        const task = taskFrom(template, seed)
        const actions = expertOf(task)
        for (const addressing of ['id', 'name'] as const) {
          const id = `${template.id}-${seed}-${addressing}`
          peers.add(await playOut(task, (t) => actions[t], { addressing, horizon: 30 }, id))
        }
      }
    }
    const { share, keySteps, count } = await agreement(cases, { peers })
    expect(share).toBeGreaterThanOrEqual(0.9)
    expect(keySteps.withinOne / count).toBeGreaterThanOrEqual(0.8)
  })

  test('successes are not diagnosed, nor what nobody could score', async () => {
    const task = taskFrom(embeddedWeb.template('shop/add-to-cart'), 5)
    const actions = expertOf(task)
    const solved = await playOut(task, (t) => actions[t], { addressing: 'name', horizon: 15 }, 'solved')
    expect(solved.judgement.score).toBe(1)
    const unscorable = { ...solved, id: 'open', judgement: { score: 0, details: [], unscorable: 'no judge' } }
    expect(await analyseFailures([solved, unscorable], { web: embeddedWeb })).toEqual([])
  })
})
