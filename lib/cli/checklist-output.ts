/**
 * An episode with a checklist as it is shown while it runs: on a terminal one block that fills in place, elsewhere a
 * line per action and per milestone reached, or JSON lines.
 */
import type { PlanStep } from '../agent/guide.ts'
import type { EpisodeEvent } from '../agent/play.ts'
import type { Step } from '../agent/step.ts'
import type { Output, TerminalMode } from './terminal.ts'

/** Rows of a terminal that the last actions may take. */
const RECENT = 5
const UP = (rows: number) => `\u001b[${rows}A\u001b[0J`

export interface EpisodeReporter {
  handle(event: EpisodeEvent): void
}

export function episodeReporter(mode: TerminalMode, out: Output, columns = 100): EpisodeReporter {
  if (mode === 'json') return { handle: (event) => void out.write(`${JSON.stringify(plainEvent(event))}\n`) }
  if (mode === 'quiet') return { handle: () => {} }
  return out.isTTY ? new Block(out, columns) : new Lines(out)
}

/** Without pages and pictures. */
function plainEvent(event: EpisodeEvent): object {
  if (event.type === 'plan') return { type: 'plan', ...event.guidance.plan }
  const { actionText, action, url, error, said } = event.step
  return {
    type: 'step',
    ...{ action: actionText, kind: action.kind, url },
    ...(error === undefined ? {} : { error }),
    ...(said ? { spent: said.spent } : {}),
  }
}

/** Redrawn whole with every event. */
class Block implements EpisodeReporter {
  readonly #out: Output
  readonly #columns: number
  readonly #steps: Step[] = []
  #plan: PlanStep | undefined
  #rows = 0

  constructor(out: Output, columns: number) {
    this.#out = out
    this.#columns = columns
  }

  handle(event: EpisodeEvent): void {
    if (event.type === 'plan') this.#plan = event.guidance.plan
    else this.#steps.push(event.step)
    const first = Math.max(0, this.#steps.length - RECENT)
    const lines = [
      ...(this.#plan ? planLines(this.#plan) : []),
      ...(this.#plan?.next === undefined ? [] : [`next: ${this.#plan.next}`]),
      ...this.#steps.slice(first).map((step, i) => stepLine(step, first + i + 1)),
    ].map((line) => clip(line, this.#columns))
    this.#out.write(`${this.#rows > 0 ? UP(this.#rows) : ''}${lines.map((line) => `${line}\n`).join('')}`)
    this.#rows = lines.length
  }
}

/** The whole checklist when it is new, afterwards what changed. */
class Lines implements EpisodeReporter {
  readonly #out: Output
  #plan: PlanStep | undefined
  #steps = 0

  constructor(out: Output) {
    this.#out = out
  }

  handle(event: EpisodeEvent): void {
    const lines =
      event.type === 'step' ? [stepLine(event.step, ++this.#steps)] : this.#changes(event.guidance.plan)
    for (const line of lines) this.#out.write(`${line}\n`)
  }

  #changes(plan: PlanStep): string[] {
    const before = this.#plan
    this.#plan = plan
    const problem =
      plan.problem === undefined ? [] : [printable(`the planner gave no answer: ${plan.problem}`)]
    if (!before || plan.revised || before.milestones.length !== plan.milestones.length) {
      return [...(plan.revised ? ['another plan:'] : []), ...planLines(plan), ...problem]
    }
    const changed = plan.z.flatMap((bit, k) => (bit !== before.z[k] ? planLine(plan, k) : []))
    return [...changed, ...problem]
  }
}

/** The checklist, one milestone a line. */
export function planLines(plan: Pick<PlanStep, 'milestones' | 'z' | 'target'>): string[] {
  return plan.milestones.map((_, k) => planLine(plan, k))
}

function planLine(
  { milestones, z, target }: Pick<PlanStep, 'milestones' | 'z' | 'target'>,
  k: number,
): string {
  const mark = z[k] ? 'x' : k === target ? '>' : ' '
  return printable(`[${mark}] ${k + 1}. ${milestones[k]}`)
}

function stepLine({ actionText, error }: Step, number: number): string {
  const text = actionText.replace(/\s+/g, ' ')
  const failed = error === undefined ? '' : `  (${error})`
  return printable(`${String(number).padStart(3)}  ${text || '(no action)'}${failed}`)
}

/** What pages and models wrote must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}

function clip(line: string, columns: number): string {
  const flat = printable(line.trimEnd())
  return flat.length <= columns
    ? flat
    : `${flat.slice(0, Math.max(0, columns - 3)).replace(/[\uD800-\uDBFF]$/, '')}...`
}
