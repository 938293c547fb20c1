/** Back-pressure in front of a generator: order, limits, refusal, signals. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Admission } from '../../lib/native/admission.ts'
import { makeGenerator, prompt, randomRole } from './generation-kit.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('never more in flight than the limit, started in order of arrival, and all of them run', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.record({ turns: fc.nat(3), fails: fc.boolean() }), { maxLength: 20 }),
      async (limit, jobs) => {
        const admission = new Admission(limit, 'wait')
        const started: number[] = []
        let inFlight = 0
        const settled = await Promise.allSettled(
          jobs.map((job, i) =>
            admission.run(async () => {
              started.push(i)
              expect(++inFlight).toBeLessThanOrEqual(limit)
              for (let t = 0; t < job.turns; t++) await turn()
              inFlight--
              if (job.fails) throw new Error(`job ${i}`)
              return i
            }),
          ),
        )
        expect(started).toEqual(jobs.map((_, i) => i))
        expect(settled.map((s) => s.status)).toEqual(jobs.map((j) => (j.fails ? 'rejected' : 'fulfilled')))
        expect(admission.waiting).toBe(0)
      },
    ),
    { numRuns: 50 },
  )
})

test('a request that arrives as a place passes on does not slip in', async () => {
  const admission = new Admission(1, 'wait')
  const order: string[] = []
  const first = admission.run(turn).then(() => admission.run(async () => order.push('late')))
  const second = admission.run(async () => order.push('waiting'))
  await Promise.all([first, second])
  expect(order).toEqual(['waiting', 'late'])
})

test('a signal ends the wait: the request runs and ends as aborted by itself', async () => {
  const admission = new Admission(1, 'wait')
  const controller = new AbortController()
  let release = () => {}
  const held = admission.run(() => new Promise<void>((resolve) => (release = resolve)))
  const waiting = admission.run(async () => controller.signal.throwIfAborted(), controller.signal)
  expect(admission.waiting).toBe(1)
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  expect(admission.waiting).toBe(0)
  release()
  await held
})

test('a generator refuses what exceeds slots + maxQueued, or lets it wait', async () => {
  const role = await randomRole()
  const ask = (i: number) => ({ ids: prompt(5, i), maxNewTokens: 4, seed: BigInt(i) })
  const refusing = makeGenerator(role, { slots: 2, maxQueued: 1 })
  const settled = await Promise.allSettled([0, 1, 2, 3, 4].map((i) => refusing.generate(ask(i))))
  expect(settled.map((s) => s.status)).toEqual([
    'fulfilled',
    'fulfilled',
    'fulfilled',
    'rejected',
    'rejected',
  ])
  expect(settled[3]).toMatchObject({ reason: { code: 'ERR_QUEUE_FULL', message: /at most 3 requests/ } })
  const waiting = makeGenerator(role, { slots: 2, maxQueued: 0, whenFull: 'wait' })
  const results = await Promise.all([0, 1, 2, 3, 4].map((i) => waiting.generate(ask(i))))
  expect(results.map((r) => r.ids.length)).toEqual([4, 4, 4, 4, 4])
})
