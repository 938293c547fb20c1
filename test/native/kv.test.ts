/** Prefix reuse: sessions, rewinding, rings that cannot rewind, eviction, neighbours. */
import { beforeAll, expect, test } from 'vitest'
import type { NativeRole } from '../../lib/native/types.ts'
import { expectSame, makeGenerator, prompt, randomRole, tiny } from './generation-kit.ts'

let role: NativeRole
let wide: NativeRole
beforeAll(async () => {
  role = await randomRole()
  wide = await randomRole('float32', { ...tiny, slidingWindow: 256 })
})

const settings = { maxNewTokens: 12, seed: 5n }

test('the next turn of a session reuses prompt and completion, with the result of a fresh prefill', async () => {
  const generator = makeGenerator(role)
  let ids = prompt(20)
  for (let turn = 0; turn < 4; turn++) {
    const result = await generator.generate({ ids, session: 1, ...settings })
    // Everything but the last sampled token, whose keys were never computed.
    expect(result.reusedTokens).toBe(turn === 0 ? 0 : ids.length - 6)
    expectSame(result, await makeGenerator(role).generate({ ids, ...settings }))
    ids = [...ids, ...result.ids, ...prompt(5, turn)]
  }
})

test('the very same prompt again computes its last token only', async () => {
  const generator = makeGenerator(wide)
  const first = await generator.generate({ ids: prompt(20), session: 1, ...settings })
  const again = await generator.generate({ ids: prompt(20), session: 1, ...settings })
  expect(again.reusedTokens).toBe(19)
  expectSame(again, first)
})

test('within the window any cut is reused', async () => {
  const generator = makeGenerator(wide)
  const base = prompt(60)
  await generator.generate({ ids: base, session: 1, ...settings })
  for (const cut of [59, 40, 17, 1]) {
    const ids = [...base.slice(0, cut), ...prompt(9, 80 + cut)]
    if (ids[cut] === base[cut]) ids[cut] = ((ids[cut] as number) + 1) % tiny.vocab
    const result = await generator.generate({ ids, session: 1, ...settings })
    expect(result.reusedTokens).toBe(cut)
    expectSame(result, await makeGenerator(wide).generate({ ids, ...settings }))
  }
})

test('a ring that has overwritten what the cut needs starts over, with the same result', async () => {
  // Window 8 and chunks of 4: the rings hold 16 positions.
  const generator = makeGenerator(role, { prefillChunk: 4 })
  const base = prompt(60)
  await generator.generate({ ids: base, session: 1, ...settings })
  const reused: number[] = []
  for (const cut of [70, 64, 30]) {
    const held = [...base, ...prompt(20, 3)].slice(0, cut)
    await generator.generate({ ids: held, session: 1, ...settings, maxNewTokens: 1 })
    const longer = await generator.generate({
      ids: [...held, ...prompt(6, 4)],
      session: 1,
      ...settings,
      maxNewTokens: 1,
    })
    reused.push(longer.reusedTokens)
    const ids = [...held.slice(0, 24), 1, 2, 3]
    const result = await generator.generate({ ids, session: 1, ...settings })
    expect(result.reusedTokens).toBe(0)
    expectSame(result, await makeGenerator(role).generate({ ids, ...settings }))
  }
  expect(reused).toEqual([70, 64, 30])
})

test('random walks over sessions never change a result', async () => {
  const generator = makeGenerator(role, { slots: 3, prefillChunk: 6, maxLength: 96 })
  const fresh = makeGenerator(role, { maxLength: 96 })
  let state = 12345
  const random = (n: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % n
  }
  const held = new Map<number, number[]>()
  for (let step = 0; step < 60; step++) {
    const asks = Array.from({ length: 1 + random(3) }, () => {
      const session = random(5)
      const before = held.get(session) ?? []
      const kept = before.slice(0, random(4) === 0 ? random(before.length + 1) : before.length)
      const ids = [...kept.slice(0, 60), ...prompt(1 + random(9), random(7))]
      return { session, ids, seed: BigInt(step), maxNewTokens: 1 + random(10) }
    })
    const results = await Promise.all(asks.map((ask) => generator.generate(ask)))
    for (const [i, ask] of asks.entries()) {
      const { session, ...same } = ask
      const result = results[i] as (typeof results)[number]
      expectSame(result, await fresh.generate(same))
      held.set(session, [...ask.ids, ...result.ids])
    }
  }
  expect(generator.stats().reusedTokens).toBeGreaterThan(0)
})

test('the session idle longest makes room; release and invalidate forget', async () => {
  const generator = makeGenerator(wide, { slots: 2 })
  const ask = (session: number) => generator.generate({ ids: prompt(30, session), session, ...settings })
  await ask(1)
  await ask(2)
  expect((await ask(1)).reusedTokens).toBe(29)
  await ask(3) // evicts 2
  expect((await ask(1)).reusedTokens).toBe(29)
  expect((await ask(2)).reusedTokens).toBe(0) // evicts 3
  generator.release(2)
  expect((await ask(2)).reusedTokens).toBe(0)
  expect((await ask(1)).reusedTokens).toBe(29)
  await generator.invalidate()
  expect((await ask(1)).reusedTokens).toBe(0)
})

test('requests of one session run one after another, of others beside them', async () => {
  const generator = makeGenerator(wide, { slots: 2 })
  const ids = prompt(30)
  const [first, second, other] = await Promise.all([
    generator.generate({ ids, session: 1, ...settings }),
    generator.generate({ ids, session: 1, ...settings }),
    generator.generate({ ids: prompt(8, 5), session: 2, ...settings }),
  ])
  expect([first.reusedTokens, second.reusedTokens, other.reusedTokens]).toEqual([0, 29, 0])
  expectSame(first, second)
})

test('a new session copies the prefix that a neighbour holds', async () => {
  for (const one of [wide, role]) {
    const generator = makeGenerator(one)
    const shared = prompt(40)
    const first = await generator.generate({ ids: shared, session: 1, ...settings })
    const ids = [...shared, ...first.ids.slice(0, 11), ...prompt(7, 3)]
    const result = await generator.generate({ ids, session: 2, ...settings })
    expect(result.reusedTokens).toBe(51)
    expectSame(result, await makeGenerator(one).generate({ ids, ...settings }))
    // The neighbour's own cache is untouched.
    const again = await generator.generate({ ids, session: 1, ...settings })
    expect(again.reusedTokens).toBe(51)
    expectSame(again, result)
  }
})

test('invalidate in the middle of a sequence: it recomputes and goes on', async () => {
  const generator = makeGenerator(role, { maxLength: 400, prefillChunk: 16 })
  const ask = { ids: prompt(30), maxNewTokens: 300, seed: 9n }
  const running = generator.generate(ask)
  for (let i = 0; i < 5; i++) await generator.invalidate()
  expectSame(await running, await makeGenerator(role, { maxLength: 400 }).generate(ask))
})
