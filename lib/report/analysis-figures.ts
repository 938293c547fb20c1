/** What a folder's episodes say besides their failures: pass@k, milestones by step, calibration of V and P. */
import { passAtKCurve } from '../analysis/attempts.ts'
import { milestoneHeatMap } from '../analysis/heatmap.ts'
import type { AnalysedFolder } from './analysed.ts'
import { phaseHeatMaps, potentialCalibrations, valueCalibrations } from './assemble.ts'
import type { AnalysisFigures } from './failures.ts'

export function analysisFigures(folder: AnalysedFolder): AnalysisFigures {
  const { kind, records, name } = folder
  const episodes = records.map(({ episode }) => episode)
  if (kind === 'evaluation') {
    const map = milestoneHeatMap(episodes)
    return {
      passAtK: attemptCurves(folder),
      heatMaps: map.milestones > 0 ? [{ phase: 0, map, name }] : [],
      // An evaluation has no critics.
      valueCalibration: [],
      potentialCalibration: [],
    }
  }
  return {
    passAtK: attemptCurves(folder),
    heatMaps: phaseHeatMaps(episodes),
    valueCalibration: valueCalibrations(records),
    potentialCalibration: potentialCalibrations(records),
  }
}

/** Attempts at one task under one policy and on one split belong together. */
function attemptCurves({ kind, traces }: AnalysedFolder): AnalysisFigures['passAtK'] {
  const groups = new Map<string, { task: string; success: boolean }[]>()
  for (const { trace, model, split } of traces) {
    if (trace.end === 'error') continue
    const name = kind === 'evaluation' ? model : `${model}, ${split}`
    const group = groups.get(name) ?? []
    group.push({ task: `${trace.task.task_id} ${trace.task.intent}`, success: trace.judgement.score >= 1 })
    groups.set(name, group)
  }
  return [...groups].flatMap(([name, attempts]) => {
    const curve = passAtKCurve(attempts)
    return curve.length > 0 ? [{ name, curve }] : []
  })
}

/** What the folder does not hold, one sentence each. */
export function absences({ kind }: Pick<AnalysedFolder, 'kind'>, figures: AnalysisFigures): string[] {
  const missing: string[] = []
  if (figures.passAtK.length === 0) missing.push('pass@k: no task was played more than once')
  if (figures.heatMaps.length === 0) missing.push('milestones: no episode has any')
  if (figures.valueCalibration.length === 0) {
    missing.push(
      kind === 'evaluation'
        ? 'calibration: an evaluation has no critics'
        : 'calibration of V: no episode has been learned from with critics',
    )
  }
  if (kind === 'run' && figures.potentialCalibration.length === 0) {
    missing.push('calibration of P: no successful episode with milestones has been learned from')
  }
  return missing
}
