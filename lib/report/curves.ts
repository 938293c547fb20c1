/**
 * Training curves from a run's step events: loss, gradient norm and further figures for imitation, critics and
 * actor, over optimizer steps counted through all phases.
 */
import type { RecordedEvent } from '../run/events.ts'
import type { Series, TrainingPanel } from './data.ts'

type StepEvent = Extract<RecordedEvent, { type: 'step' }>

/** Points of a curve at most; longer ones are averaged in equal runs of neighbours. */
const CURVE_POINTS = 300

const ROOMS: { title: string; stages: StepEvent['stage'][]; loss: string }[] = [
  { title: 'Imitation', stages: ['imitation'], loss: 'loss per action token' },
  { title: 'Critics', stages: ['critic-pretraining', 'critics'], loss: 'loss per state' },
  { title: 'Actor', stages: ['actor'], loss: 'policy loss per action' },
]

export function trainingPanels(events: RecordedEvent[]): TrainingPanel[] {
  return ROOMS.flatMap(({ title, stages, loss }) => {
    const steps = events
      .filter((event) => event.type === 'step')
      .filter(({ stage }) => stages.includes(stage))
    if (steps.length === 0) return []
    const norms = curve('gradient norm', steps, (event) => event.gradNorm)
    const panels: TrainingPanel[] = [
      { title, label: loss, series: [curve('loss', steps, (event) => event.loss)] },
      {
        title,
        label: 'gradient norm before clipping',
        logarithmic: norms.points.length > 0 && norms.points.every(({ value }) => value > 0),
        series: [norms],
      },
    ]
    const names = [...new Set(steps.flatMap(({ metrics }) => Object.keys(metrics ?? {})))]
    for (const [label, members] of groupByStem(names)) {
      const series = members.map((name) =>
        curve(
          words(name.slice(members.length > 1 ? label.length : 0)),
          steps,
          (event) => event.metrics?.[name],
        ),
      )
      panels.push({ title, label: words(label), series })
    }
    return panels
  })
}

/** At most `most` points; each is the mean of its run, at the run's last step. */
export function thinCurve(name: string, points: Series['points'], most = CURVE_POINTS): Series {
  const run = Math.ceil(points.length / most)
  if (run <= 1) return { name, points }
  const thin: Series['points'] = []
  for (let start = 0; start < points.length; start += run) {
    const part = points.slice(start, start + run)
    thin.push({
      step: part.at(-1)!.step,
      value: part.reduce((sum, { value }) => sum + value, 0) / part.length,
    })
  }
  return { name, points: thin }
}

function curve(name: string, steps: StepEvent[], pick: (event: StepEvent) => number | undefined): Series {
  const points = steps.flatMap((event, index) => {
    const value = pick(event)
    return value === undefined || !Number.isFinite(value) ? [] : [{ step: index + 1, value }]
  })
  return thinCurve(name, points)
}

/** Names that differ in their last word only ("logRatioPositive", "logRatioNegative") share a group. */
function groupByStem(names: string[]): Map<string, string[]> {
  const stem = (name: string) => name.replace(/[A-Z][a-z0-9]*$/, '')
  const groups = new Map<string, string[]>()
  for (const name of names) {
    const shared = stem(name) !== '' && names.filter((other) => stem(other) === stem(name)).length > 1
    const key = shared ? stem(name) : name
    groups.set(key, [...(groups.get(key) ?? []), name])
  }
  return groups
}

/** "logRatio" as people write it: "log ratio". */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter, at: number) => `${at > 0 ? ' ' : ''}${letter.toLowerCase()}`)
}
