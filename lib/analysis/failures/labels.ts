/** Human labels of failures, read from CSV: episode id, class, key step. Says line and column of what is wrong. */
import { FAILURE_CLASSES, type FailureClass } from './diagnosis.ts'
import { AnalysisInputError } from './errors.ts'

export interface FailureLabel {
  episode: string
  class: FailureClass
  /** From 1; null where the person gave none. */
  keyStep: number | null
}

/** The paper's letters and names beside ours. */
const NAMES = new Map<string, FailureClass>(
  (
    [
      ['wrong-termination', 'a', 'stop at wrong page', 'wrong stop'],
      ['stuck-midway', 'b', 'get stuck midway', 'stuck'],
      ['fail-attempt', 'c', 'fail to make reasonable attempt', 'no attempt'],
      ['others', 'd', 'other'],
    ] as [FailureClass, ...string[]][]
  ).flatMap(([kind, ...names]) => [kind, ...names].map((name) => [squeeze(name), kind] as const)),
)

const COLUMNS = {
  episode: ['episode', 'episode id', 'id'],
  class: ['class', 'label', 'failure', 'category'],
  step: ['key step', 'step', 'decision step'],
}

/**
 * @param text with a header that names the columns episode, class and, if any, key step; quotes as in RFC 4180
 * @param source named in errors
 */
export function parseLabels(text: string, source: string): FailureLabel[] {
  const [header, ...rows] = csvRows(text, source)
  const names = header?.cells.map(squeeze) ?? []
  const column = (wanted: readonly string[]) => {
    const known = new Set(wanted.map(squeeze))
    return names.findIndex((name) => known.has(name))
  }
  const at = { episode: column(COLUMNS.episode), class: column(COLUMNS.class), step: column(COLUMNS.step) }
  if (at.episode < 0 || at.class < 0) {
    throw new AnalysisInputError(
      `${source}: expected a header with the columns episode, class and key step, received ${JSON.stringify(header?.cells.join(',') ?? '')}`,
    )
  }
  const seen = new Set<string>()
  return rows.map(({ line, cells }) => {
    const where = `${source} line ${line}`
    const episode = cells[at.episode]?.trim() ?? ''
    if (episode === '')
      throw new AnalysisInputError(`${where}: expected the id of an episode, the cell is empty`)
    if (seen.has(episode))
      throw new AnalysisInputError(`${where}: episode ${episode} has a label already; keep one of them`)
    seen.add(episode)
    const kind = NAMES.get(squeeze(cells[at.class] ?? ''))
    if (!kind) {
      throw new AnalysisInputError(
        `${where}: class: expected ${FAILURE_CLASSES.join(', ')} or A to D, received ${JSON.stringify(cells[at.class] ?? '')}`,
      )
    }
    const step = at.step < 0 ? '' : (cells[at.step]?.trim() ?? '')
    if (!/^([1-9]\d*)?$/.test(step)) {
      throw new AnalysisInputError(
        `${where}: key step: expected a number from 1, or nothing, received ${JSON.stringify(step)}`,
      )
    }
    return { episode, class: kind, keyStep: step === '' ? null : Number(step) }
  })
}

/** Case, blanks, "-" and "_" make no difference. */
function squeeze(text: string): string {
  return text.toLowerCase().replace(/[\s_-]+/g, '')
}

/** Rows that hold anything, with the line each begins on. */
function csvRows(text: string, source: string): { line: number; cells: string[] }[] {
  const rows: { line: number; cells: string[] }[] = []
  let cells: string[] = []
  let cell = ''
  let quoted = false
  let line = 1
  let begin = 1
  const finish = () => {
    cells.push(cell)
    if (cells.some((own) => own.trim() !== '')) rows.push({ line: begin, cells })
    cells = []
    cell = ''
  }
  const content = text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n')
  for (let i = 0; i < content.length; i++) {
    const c = content[i] as string
    if (c === '\n') line++
    if (quoted) {
      if (c !== '"') cell += c
      else if (content[i + 1] === '"') cell += content[++i]
      else quoted = false
    } else if (c === '"' && cell.trim() === '') {
      cell = ''
      quoted = true
    } else if (c === ',') {
      cells.push(cell)
      cell = ''
    } else if (c === '\n') {
      finish()
      begin = line
    } else cell += c
  }
  if (quoted)
    throw new AnalysisInputError(`${source} line ${begin}: a quotation mark is opened and never closed`)
  finish()
  return rows
}
