/**
 * Shows a training run from its events: what runs now, a bar with the time left where there is a terminal, one
 * line per optimizer step, and the table at the end. Holds all printing of a run; the library itself prints
 * nothing.
 */
import { MultiBar, type SingleBar } from 'cli-progress'
import type { TrainEvent, TrainEventOf } from '../run/events.ts'
import { phaseResults } from '../run/events.ts'
import { duration, evaluationLine, resultTable, stageTitle, stepLine } from './format.ts'
import { RunningZ } from './running-z.ts'

/** auto: bars on a terminal, lines elsewhere; json: one event per line; quiet: warnings and the table only. */
export type TerminalMode = 'auto' | 'json' | 'quiet'

/** A stream to write to; process.stdout and process.stderr are ones. */
export interface Output {
  write(text: string): unknown
  isTTY?: boolean
}

export interface Reporter {
  handle(event: TrainEvent): void
  /** Takes bars off the screen; idempotent. */
  close(): void
}

export function createReporter(mode: TerminalMode, out: Output, err: Output): Reporter {
  if (mode === 'json') return jsonReporter(out)
  return new TerminalReporter(out, err, mode === 'quiet')
}

function jsonReporter(out: Output): Reporter {
  return {
    handle: (event) => {
      out.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`)
    },
    close: () => {},
  }
}

class TerminalReporter implements Reporter {
  readonly #out: Output
  readonly #err: Output
  readonly #quiet: boolean
  readonly #evaluations: TrainEventOf<'evaluation'>[] = []
  readonly #terminal: boolean
  /** One bar per stage; the container is what can write lines above it. */
  #bar: { container: MultiBar; line: SingleBar } | undefined
  #loss = new RunningZ()
  #norm = new RunningZ()
  /** Quarters of a stage already announced where no bar can be drawn. */
  #quarter = 0

  constructor(out: Output, err: Output, quiet: boolean) {
    this.#out = out
    this.#err = err
    this.#quiet = quiet
    this.#terminal = !quiet && out.isTTY === true
  }

  handle(event: TrainEvent): void {
    switch (event.type) {
      case 'run':
        this.#line(
          event.resumedAfterPhase === undefined
            ? `run ${event.directory} | seed ${event.seed}${event.preset ? ` | preset ${event.preset}` : ''}`
            : `run ${event.directory} | resumed after phase ${event.resumedAfterPhase}`,
        )
        break
      case 'stage':
        this.#startStage(event)
        break
      case 'progress':
        this.#progress(event)
        break
      case 'step':
        this.#line(
          stepLine(event, { loss: this.#loss.next(event.loss), norm: this.#norm.next(event.gradNorm) }),
        )
        this.#bar?.line.update(event.step)
        break
      case 'stage-end':
        this.#endStage(event)
        break
      case 'evaluation':
        this.#evaluations.push(event)
        this.#line(`  ${event.split}: ${evaluationLine(event)}`)
        break
      case 'checkpoint':
        this.#line(`  checkpoint ${event.path}`)
        break
      case 'best':
        this.#line(
          `  best so far: phase ${event.phase} (${(100 * event.validation).toFixed(1)}% on validation)`,
        )
        break
      case 'warning':
        this.#clearBar()
        this.#err.write(`warning: phase ${event.phase}: ${event.message}\n`)
        break
      case 'interrupted':
        this.#clearBar()
        break
      case 'end':
        this.close()
        this.#out.write(`\n${resultTable(phaseResults(this.#evaluations), event.bestPhase)}\n`)
        this.#line(`finished in ${duration(event.seconds)}`)
        break
    }
  }

  close(): void {
    this.#clearBar()
  }

  #startStage({ stage, phase, total, unit }: TrainEventOf<'stage'>): void {
    this.#clearBar()
    this.#loss = new RunningZ()
    this.#norm = new RunningZ()
    this.#quarter = 0
    const title = stageTitle(stage, phase)
    this.#line(`${title}${total === undefined ? '' : ` | ${total} ${unit ?? ''}`.trimEnd()}`)
    if (this.#terminal && total !== undefined && total > 0) {
      const container = new MultiBar({
        format: '{stage} [{bar}] {value}/{total} {unit} | {duration_formatted} | {eta_formatted} left{note}',
        stream: this.#out as NodeJS.WriteStream,
        barCompleteChar: '=',
        barIncompleteChar: '-',
        barsize: 24,
        etaBuffer: 30,
        clearOnComplete: true,
        hideCursor: true,
        gracefulExit: false,
      })
      this.#bar = {
        container,
        line: container.create(total, 0, { stage: title, unit: unit ?? '', note: '' }),
      }
    }
  }

  #progress({ done, total, successes }: TrainEventOf<'progress'>): void {
    const note = successes === undefined ? '' : ` | ${successes} succeeded`
    if (this.#bar) {
      this.#bar.line.setTotal(total)
      this.#bar.line.update(done, { note })
      return
    }
    const quarter = Math.floor((4 * done) / Math.max(1, total))
    if (quarter > this.#quarter) {
      this.#quarter = quarter
      this.#line(`  ${done}/${total}${note}`)
    }
  }

  #endStage({ seconds, metrics }: TrainEventOf<'stage-end'>): void {
    this.#clearBar()
    const figures = Object.entries(metrics ?? {}).map(
      ([name, value]) => `${name} ${Number(value.toPrecision(4))}`,
    )
    this.#line(`  ${[`done in ${duration(seconds)}`, ...figures].join(' | ')}`)
  }

  #line(text: string): void {
    if (this.#quiet) return
    if (this.#bar) this.#bar.container.log(`${text}\n`)
    else this.#out.write(`${text}\n`)
  }

  #clearBar(): void {
    // update() first: it is what writes the lines that are still waiting.
    this.#bar?.container.update()
    this.#bar?.container.stop()
    this.#bar = undefined
  }
}
