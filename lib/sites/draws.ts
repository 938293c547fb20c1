/** Draws that several sites need: numbers that differ from each other, so that a question has one answer. */
import type { Rng } from './kit.ts'

/** n different numbers of from..to in random order. Throws where the range is too small. */
export function distinctNumbers(rng: Rng, n: number, from = 10, to = 99): number[] {
  if (n > to - from + 1)
    throw new RangeError(`expected at most ${to - from + 1} numbers of ${from}..${to}, asked for ${n}`)
  return rng.shuffle(Array.from({ length: to - from + 1 }, (_, i) => from + i)).slice(0, n)
}

/** The same, and the first is never the largest: what comes first is not the answer to "which has most". */
export function unsortedNumbers(rng: Rng, n: number): number[] {
  const numbers = distinctNumbers(rng, n)
  if (numbers[0] === Math.max(...numbers)) numbers.push(numbers.shift() as number)
  return numbers
}
