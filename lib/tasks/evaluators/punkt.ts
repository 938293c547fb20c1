/**
 * Sentence boundaries of lower-cased English text as NLTK 3.8.1's pre-trained Punkt model finds them (Kiss and
 * Strunk 2006, Unsupervised Multilingual Sentence Boundary Detection). The model's orthographic table is left out:
 * it decides about capitals, and a lower-case word never starts a sentence by it.
 */
import { END, rstrip, SPACE, strip } from './python.ts'

// Learned parameters of the English model: words that keep their period, and pairs never split.
const ABBREVIATIONS = new Set(
  `a.a a.c a.d a.g a.h a.m a.m.e a.s a.t adm ala ariz aug ave b.f b.v bros c c.i.t c.o.m.b c.v calif chg cie co col
  colo conn corp cos ct d d.c d.h d.w dec dr e e.f e.h e.l e.m f f.g f.j feb fla fri ft g g.d g.f g.k ga gen h h.c
  h.f h.m i.m.s ill inc j.b j.c j.j j.k j.p j.r jan jr k kan ky l l.a l.f l.p lt ltd m m.b.a m.d.c m.j maj messrs mg
  mich minn mr mrs ms n n.c n.d n.h n.j n.m n.v n.y nev nov oct ok okla ore p p.a.m p.m pa ph.d prof r r.a r.h r.i
  r.j r.k r.t rep reps s s.a s.a.y s.c s.g s.p.a s.s sen sep sept sr st sw t t.j tenn tues u.k u.n u.s u.s.a u.s.s.r
  v va vs vt w w.c w.r w.va w.w wash wed wis yr`.split(/\s+/),
).add('. . ')
const COLLOCATIONS = new Set([
  ...`aes abreast business cbot colgate commodities cooper corrections credit dividend financing genentech henley
  insider international leisure letters notable pay-fone pegasus pepper review rj wedgestone who zimmer`
    .split(/\s+/)
    .map((word) => `##number## ${word}`),
  ...['edelman', 'levine', 'smith', 'stewart', 'wigton'].map((word) => `b ${word}`),
  ...['i magnin', 'i toussie', 'j aron', 'j fialka', 'j walter', 'o ludcke'],
])

const NON_WORD = '[)";}\\]*:@\'({\\[?!]'
const MULTI = '(?:-{2,}|\\.{2,}|(?:\\.[S]){2,}\\.)'.replace('[S]', `[${SPACE}]`)
const TOKEN = new RegExp(
  `${MULTI}|(?=[^("\`{[:;&#*@)}\\]\\-,])[^${SPACE}]+?(?=[${SPACE}]|$|${NON_WORD}|${MULTI}|,(?=$|[${SPACE}]|${NON_WORD}|${MULTI}))|[^${SPACE}]`,
  'gsu',
)
const CANDIDATE = new RegExp(`[.?!](?=(?<after>${NON_WORD}|[${SPACE}]+(?<next>[^${SPACE}]+)))`, 'gdu')
// Python matches at the start only, while $ is any end of line.
const CLOSING = new RegExp(`(?<![^])["')\\]}]+?(?:[${SPACE}]+|(?=--)|$)`, 'mu')
const NUMBER = new RegExp(`^-?[.,]?\\p{Nd}[\\p{Nd},.-]*\\.?${END}`, 'u')
const INITIAL = new RegExp(`^(?:(?!\\p{Nd})[\\p{L}\\p{N}_])\\.${END}`, 'u')
const ELLIPSIS = /^\.\.+$/

interface Token {
  text: string
  type: string
  breaks: boolean
  abbreviation: boolean
  ellipsis: boolean
}

/** The sentences of `text`, without the blanks between them. */
export function sentences(text: string): string[] {
  return [...realigned(text, slices(text))].map(([start, end]) => text.slice(start, end))
}

/** [start, end) of each sentence before closing quotes and brackets are moved to the sentence they close. */
function* slices(text: string): Generator<[number, number]> {
  let start = 0
  for (const { end, next, context } of candidates(text)) {
    if (!containsBreak(context)) continue
    yield [start, end]
    start = next ?? end
  }
  yield [start, rstrip(text).length]
}

interface Candidate {
  /** Behind the period. */
  end: number
  /** Start of the next word, where one follows after blanks. */
  next: number | undefined
  /** The word with the period and what follows it. */
  context: string
}

/** Every . ? ! before a blank or punctuation, with the word before it; of overlapping ones the last. */
function* candidates(text: string): Generator<Candidate> {
  let pending: (Candidate & { wordEnd: number }) | undefined
  let wordStart = 0
  for (const match of text.matchAll(CANDIDATE)) {
    const from = pending?.wordEnd ?? 0
    const blank = lastBlank(text, from, match.index)
    const start = blank > from ? blank + 1 : wordStart
    if (pending && pending.wordEnd <= start) yield pending
    wordStart = start
    pending = {
      wordEnd: match.index,
      end: match.index + 1,
      next: match.indices?.groups?.next?.[0],
      context: text.slice(start, match.index) + match[0] + match.groups?.after,
    }
  }
  if (pending) yield pending
}

/** Position of the last ASCII blank in [from, to); `from` where there is none. */
function lastBlank(text: string, from: number, to: number): number {
  for (let at = to - 1; at > from; at--) if (/[ \t\n\r\v\f]/.test(text[at] as string)) return at
  return from
}

function* realigned(text: string, all: Iterable<[number, number]>): Generator<[number, number]> {
  const list = [...all]
  let shift = 0
  for (const [index, [start, end]] of list.entries()) {
    const from = start + shift
    const next = list[index + 1]
    const closing = next && CLOSING.exec(text.slice(...next))
    if (next && closing) {
      yield [from, next[0] + rstrip(closing[0]).length]
      shift = closing[0].length
    } else {
      shift = 0
      if (from < end) yield [from, end]
    }
  }
}

/** Whether a sentence ends inside `context`, its last token aside. */
function containsBreak(context: string): boolean {
  const tokens = context
    .split('\n')
    .filter((line) => strip(line) !== '')
    .flatMap((line) => line.match(TOKEN) ?? [])
    .map(classify)
  tokens.forEach((token, index) => {
    const next = tokens[index + 1]
    if (next) reconsider(token, next)
  })
  return tokens.slice(0, -1).some((token) => token.breaks)
}

function classify(text: string): Token {
  const token = { text, type: text.toLowerCase().replace(NUMBER, '##number##') }
  const plain = { ...token, breaks: false, abbreviation: false, ellipsis: false }
  if (text === '.' || text === '?' || text === '!') return { ...plain, breaks: true }
  if (ELLIPSIS.test(text)) return { ...plain, ellipsis: true }
  if (!text.endsWith('.') || text.endsWith('..')) return plain
  const word = text.slice(0, -1).toLowerCase()
  const known = ABBREVIATIONS.has(word) || ABBREVIATIONS.has(word.split('-').at(-1) as string)
  return { ...plain, breaks: !known, abbreviation: known }
}

const withoutPeriod = (type: string): string =>
  type.length > 1 && type.endsWith('.') ? type.slice(0, -1) : type

/** A number or initial before something that cannot start a sentence keeps its period. */
function reconsider(token: Token, next: Token): void {
  if (!token.text.endsWith('.')) return
  const type = withoutPeriod(token.type)
  const nextType = next.breaks ? withoutPeriod(next.type) : next.type
  const initial = INITIAL.test(token.text)
  const first = String.fromCodePoint(next.text.codePointAt(0) as number)
  const continues = /^[;:,.!?]$/.test(next.text) || /\p{Lowercase}/u.test(first)
  if (
    COLLOCATIONS.has(`${type} ${nextType}`) ||
    ((initial || type === '##number##') && continues) ||
    // An initial before a letter without lower case, such as a mathematical capital.
    (initial && /\p{Uppercase}/u.test(first))
  ) {
    token.breaks = false
    token.abbreviation = true
  }
}
