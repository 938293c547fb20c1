/**
 * What an evaluation read, as plain JSON: answer, addresses, page text, located values, helpers' results and verdicts.
 * From such a record an episode is scored again without its browser, also by another dialect's rules, as far as the
 * record holds what these rules read; what it lacks is an error, never a guess.
 */
import { z } from 'zod'
import { EvaluationError, type Evidence, type Judge, type Question } from './evaluators/contract.ts'
import { LocatorError, UnsupportedLocatorError } from './locator.ts'
import type { EvaluationPage, LocatedValue } from './pages.ts'

/** The record does not hold what the evaluation asks for. */
export class EvidenceError extends EvaluationError {
  override readonly code = 'EVIDENCE'
  override name = 'EvidenceError'
}

/** "" as expression is the page's HTML; `failed` is what the page said when the expression threw. */
const read = z.union([
  z.object({ expression: z.string(), value: z.json() }),
  z.object({ expression: z.string(), failed: z.string() }),
])

export const evidenceRecord = z.object({
  version: z.literal(1),
  answer: z.string(),
  /** Addresses of all tabs, where they were asked for. */
  tabs: z.array(z.string()).optional(),
  pages: z.array(
    z.object({
      /** The address that was opened; null for the page the agent left. */
      opened: z.string().nullable(),
      url: z.string(),
      /** In the order of reading; one expression may stand here several times. */
      reads: z.array(read),
    }),
  ),
  helpers: z.array(z.object({ name: z.string(), args: z.array(z.string()), value: z.json() })),
  verdicts: z.array(
    z.object({
      kind: z.enum(['fuzzy', 'ua']),
      intent: z.string(),
      reference: z.string(),
      answer: z.string(),
      note: z.string().optional(),
      verdict: z.boolean(),
    }),
  ),
})
export type EvidenceRecord = z.infer<typeof evidenceRecord>
type PageRecord = EvidenceRecord['pages'][number]
type Json = z.infer<ReturnType<typeof z.json>>

/** Evidence that notes down all that is read from `evidence`, and the notes so far. */
export function recordEvidence(evidence: Evidence): { evidence: Evidence; record: EvidenceRecord } {
  const record: EvidenceRecord = {
    version: 1,
    answer: evidence.answer,
    pages: [],
    helpers: [],
    verdicts: [],
  }
  let left: PageRecord | undefined
  const pageOf = (page: EvaluationPage, opened: string | null): EvaluationPage => {
    const notes = opened === null && left ? left : { opened, url: page.url, reads: [] }
    if (notes !== left) record.pages.push(notes)
    if (opened === null) left = notes
    return recordedPage(page, notes)
  }
  const { judge, helpers } = evidence
  return {
    record,
    evidence: {
      answer: evidence.answer,
      pages: {
        last: async () => pageOf(await evidence.pages.last(), null),
        open: async (url) => pageOf(await evidence.pages.open(url), url),
        tabs: async () => {
          record.tabs = await evidence.pages.tabs()
          return record.tabs
        },
      },
      ...(judge && {
        judge: async (question: Question) => {
          const verdict = await judge(question)
          record.verdicts.push({ ...question, verdict })
          return verdict
        },
      }),
      ...(helpers && {
        helpers: Object.fromEntries(
          Object.entries(helpers).map(([name, helper]) => [
            name,
            async (...args: string[]) => {
              const value = await helper(...args)
              record.helpers.push({ name, args, value: encode(value) })
              return value
            },
          ]),
        ),
      }),
    },
  }
}

function recordedPage(page: EvaluationPage, notes: PageRecord): EvaluationPage {
  return {
    get url() {
      notes.url = page.url
      return page.url
    },
    async html() {
      const html = await page.html()
      notes.reads.push({ expression: '', value: html })
      return html
    },
    async evaluate(expression) {
      try {
        const value = await page.evaluate(expression)
        notes.reads.push({ expression, value: encode(value) })
        return value
      } catch (error) {
        if (error instanceof LocatorError && !(error instanceof UnsupportedLocatorError)) {
          notes.reads.push({ expression, failed: error.message })
        }
        throw error
      }
    },
  }
}

/**
 * Evidence that answers from a record. What is read several times comes in the recorded order, the last one then
 * again and again.
 * @param judge asked what the record holds no verdict on
 */
export function replayEvidence(record: EvidenceRecord, judge?: Judge): Evidence {
  const lacks = (what: string, how: string): EvidenceError =>
    new EvidenceError(`the record of this episode holds ${what}; ${how}`)
  const next = inOrder()
  const pageOf = (notes: PageRecord): EvaluationPage => {
    const evaluate = async (expression: string): Promise<LocatedValue> => {
      const reads = notes.reads.filter((one) => one.expression === expression)
      const one = next(`${record.pages.indexOf(notes)} ${expression}`, reads)
      if (!one) {
        const what = expression === '' ? 'no HTML' : `no value of ${expression}`
        throw lacks(`${what} of ${notes.url}`, 'score it in the dialect it was played in, or play it again')
      }
      if ('failed' in one) throw new LocatorError(one.failed)
      return decode(one.value)
    }
    return { url: notes.url, html: async () => (await evaluate('')) as string, evaluate }
  }
  const page = async (opened: string | null): Promise<EvaluationPage> => {
    const found = record.pages.filter((one) => one.opened === opened)
    const notes = next(`open ${opened}`, found)
    if (!notes) throw lacks(`no page ${opened ?? 'the agent left'}`, 'play it again')
    return pageOf(notes)
  }
  return {
    answer: record.answer,
    pages: {
      last: () => page(null),
      open: (url) => page(url),
      tabs: async () => {
        if (!record.tabs) throw lacks('no list of tabs', 'play it again')
        return record.tabs
      },
    },
    judge: async (question) => {
      const known = record.verdicts.find(
        (one) =>
          one.kind === question.kind &&
          one.intent === question.intent &&
          one.reference === question.reference &&
          one.answer === question.answer,
      )
      if (known) return known.verdict
      if (judge) return judge(question)
      throw lacks(`no verdict on "${question.reference}"`, 'give a judge')
    },
    helpers: Object.fromEntries(
      record.helpers.map(({ name }) => [
        name,
        async (...args: string[]) => {
          const call = JSON.stringify(args)
          const calls = record.helpers.filter((one) => one.name === name && JSON.stringify(one.args) === call)
          const one = next(`${name} ${call}`, calls)
          if (!one) throw lacks(`no result of ${name}(${args.join(', ')})`, 'play it again')
          return decode(one.value)
        },
      ]),
    ),
  }
}

/** The k-th of a list at the k-th question under one key, then its last. */
function inOrder() {
  const asked = new Map<string, number>()
  return <T>(key: string, list: readonly T[]): T | undefined => {
    const k = asked.get(key) ?? 0
    asked.set(key, k + 1)
    return list[Math.min(k, list.length - 1)]
  }
}

/** JSON of a value; what JSON has no word for is an object with the one key "$". */
function encode(value: LocatedValue): Json {
  if (value === undefined) return { $: 'undefined' }
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { $: Object.is(value, -0) ? '-0' : String(value) }
  }
  if (Array.isArray(value)) return value.map(encode)
  if (value === null || typeof value !== 'object') return value
  const plain = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, encode(one)]))
  return '$' in value ? { $: plain } : plain
}

function decode(value: Json): LocatedValue {
  if (Array.isArray(value)) return value.map(decode)
  if (value === null || typeof value !== 'object') return value
  const special = value.$
  if (special === 'undefined') return undefined
  if (typeof special === 'string') return Number(special)
  const plain = special === undefined ? value : (special as { [key: string]: Json })
  return Object.fromEntries(Object.entries(plain).map(([key, one]) => [key, decode(one)]))
}
