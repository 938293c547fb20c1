/**
 * What every template of every site promises: its expert succeeds, each slip fails, the four milestones are
 * reached in order, and tasks are reproducible; in both addressings, over many worlds.
 */
import { describe, expect, test } from 'vitest'
import { embeddedBackend } from '../../lib/sites/backend.ts'
import { type DemonstrationStep, play } from '../../lib/sites/demonstrations.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import type { EmbeddedTask } from '../../lib/sites/kit.ts'
import { oracleReached, taskFrom } from '../../lib/sites/suite.ts'
import { createWorld } from '../../lib/sites/world.ts'
import { task as taskSchema } from '../../lib/tasks/task.ts'
import { formatAction } from '../../lib/web/grammar.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'

const SEEDS = Array.from({ length: 20 }, (_, i) => 1000 + i * 37)
const driver = inProcessDriver(embeddedBackend(embeddedWeb))

/** What was seen and done, for the message of a failing expectation. */
const traceOf = (made: EmbeddedTask, steps: readonly DemonstrationStep[]): string =>
  [
    `${made.task.task_id} ${made.task.intent}`,
    ...steps.map(
      (step) => `${step.observation.text}\n  ${formatAction(step.action)} ${JSON.stringify(step.outcome)}`,
    ),
  ].join('\n')

describe.each([...embeddedWeb.templates.values()].map((template) => [template.id, template] as const))(
  '%s',
  (_, template) => {
    const tasks = SEEDS.map((seed) => taskFrom(template, seed))

    test('tasks are valid, reproducible and name what they are about', () => {
      for (const [i, made] of tasks.entries()) {
        expect(taskSchema.safeParse(made.task).error).toBeUndefined()
        expect(taskFrom(template, SEEDS[i] as number)).toEqual(made)
        expect(made.task.embedded?.milestones).toHaveLength(4)
        expect(made.task.embedded?.milestones.join()).not.toMatch(/[{}]/)
      }
      expect(new Set(tasks.map((made) => made.task.intent)).size).toBeGreaterThan(3)
    })

    test('the expert succeeds in 3 to 15 steps and passes the milestones in order', async () => {
      for (const made of tasks) {
        const world = createWorld(made.task.embedded?.world_seed ?? -1)
        const actions = template.expert(world, made.params)
        expect(actions.length, made.task.intent).toBeGreaterThanOrEqual(3)
        expect(actions.length, made.task.intent).toBeLessThanOrEqual(15)
        expect(actions.at(-1)?.kind).toBe('exit')

        const { steps, success } = await play(driver, made, actions, 'name')
        const trace = traceOf(made, steps)
        for (const step of steps) expect(step.outcome, trace).toEqual({ ok: true })
        expect(success, trace).toBe(true)

        const first = [0, 1, 2, 3].map((m) => steps.findIndex((step) => step.reached[m] === 1))
        expect(
          first.every((at) => at >= 0),
          `${trace}\n${first}`,
        ).toBe(true)
        expect(first, trace).toEqual(first.slice().sort((a, b) => a - b))
        expect(first[3], trace).toBeGreaterThan(first[0] as number)
      }
    })

    test('no milestone beyond the first holds at the start', async () => {
      for (const made of tasks) {
        const session = await driver.open(made.task, { addressing: 'name' })
        const reached = oracleReached(made, session.world, await session.snapshot())
        expect([...reached.slice(1)], made.task.intent).toEqual([0, 0, 0])
      }
    })

    test('every slip runs and fails', async () => {
      for (const made of tasks) {
        const world = createWorld(made.task.embedded?.world_seed ?? -1)
        const slips = template.slips(world, made.params)
        expect(slips.length).toBeGreaterThan(0)
        for (const slip of slips) {
          const { steps, success } = await play(driver, made, slip.actions, 'name')
          const trace = traceOf(made, steps)
          for (const step of steps) expect(step.outcome, trace).toEqual({ ok: true })
          expect(success, `${slip.kind} must fail: ${trace}`).toBe(false)
          expect(slip.actions.at(-1)?.kind).toBe('exit')
        }
      }
    })

    test('numeric ids lead through the same task', async () => {
      for (const made of tasks.slice(0, 3)) {
        const world = createWorld(made.task.embedded?.world_seed ?? -1)
        const { steps, success } = await play(driver, made, template.expert(world, made.params), 'id')
        expect(success, made.task.intent).toBe(true)
        for (const { action } of steps) if ('element' in action) expect(action.element).toMatch(/^\d+$/)
      }
    })

    test('the instruction alone, ended at once, is no success', async () => {
      for (const made of tasks.slice(0, 3)) {
        const { success } = await play(driver, made, [{ kind: 'exit', message: 'done' }], 'name')
        expect(success, made.task.intent).toBe(false)
      }
    })
  },
)
