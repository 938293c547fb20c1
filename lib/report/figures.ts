/**
 * Charts of a run as files of their own, for a README or a paper: the page's charts with its colours written into
 * each SVG, light and dark by the reader's scheme.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../run/files.ts'
import { heatMapChart } from './charts/heatmap.ts'
import { successChart } from './charts/success.ts'
import type { ReportData } from './data.ts'
import { PALETTE_CSS } from './page/style.ts'

/** File name to SVG: success by phase, and the milestones of the first and the last phase that have any. */
export function standaloneFigures(data: ReportData): Map<string, string> {
  const figures = new Map<string, string>()
  if (data.phases.some((phase) => phase.test?.episodes)) {
    figures.set('success.svg', standalone(successChart(data.phases, data.bestPhase, 760)))
  }
  for (const entry of new Set([data.heatMaps[0], data.heatMaps.at(-1)])) {
    if (entry)
      figures.set(`milestones-phase-${entry.phase}.svg`, standalone(heatMapChart(entry.phase, entry.map)))
  }
  return figures
}

/** @returns paths written under `folder` */
export async function writeFigures(data: ReportData, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  const paths: string[] = []
  for (const [name, svg] of standaloneFigures(data)) {
    const path = join(folder, name)
    await writeFileAtomic(path, svg)
    paths.push(path)
  }
  return paths
}

/** A chart with its own colours. The palette comes first inside the element; no text of the run can stand before it. */
export function standalone(svg: string): string {
  return svg.replace(
    /^<svg[^>]*>/,
    (open) => `${open}<style>${PALETTE_CSS} text { font-family: system-ui, sans-serif }</style>`,
  )
}
