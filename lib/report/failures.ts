/**
 * failures.json: what the failure analyser found in a folder, written beside the episodes and read again by the
 * report page, which marks the key steps.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { PassAtK } from '../analysis/attempts.ts'
import type { FailureAgreement } from '../analysis/failures/agreement.ts'
import { type Diagnosis, FAILURE_CLASSES } from '../analysis/failures/diagnosis.ts'
import {
  type AnalysedEpisode,
  classOf,
  type FailureDistribution,
  failureDistribution,
  keyStepOf,
} from '../analysis/failures/distribution.ts'
import type { FailureSettings } from '../analysis/failures/settings.ts'
import { RunError } from '../run/errors.ts'
import { writeFileAtomic } from '../run/files.ts'
import { failuresChart } from './charts/failures.ts'
import { heatMapChart } from './charts/heatmap.ts'
import { passAtKChart } from './charts/passk.ts'
import { reliabilityChart } from './charts/reliability.ts'
import type { ReportData, SampleEpisode } from './data.ts'
import { standalone } from './figures.ts'

/** An episode as failures.json lists it. */
export type ListedFailure = Diagnosis & { folder: string; model: string; site: string }

export interface FailureFile {
  version: 1
  /** Paths that were read. */
  folders: string[]
  settings: FailureSettings
  /** Played, but nobody could score; in no count. */
  unscorable: number
  distribution: FailureDistribution
  /** Agreement with human labels, where some were given. */
  labels?: FailureAgreement & { unmatched: string[] }
  episodes: ListedFailure[]
}

export interface AnalysisOf extends Omit<FailureFile, 'version' | 'distribution' | 'episodes'> {
  /** Every judged episode; those that failed carry their diagnosis. */
  judged: (AnalysedEpisode & { folder: string })[]
}

export function failureFile({ judged, ...rest }: AnalysisOf): FailureFile {
  return {
    version: 1,
    ...rest,
    distribution: failureDistribution(judged),
    episodes: judged.flatMap(({ diagnosis, folder, model, site }) =>
      diagnosis ? { ...diagnosis, folder, model, site } : [],
    ),
  }
}

/** What a run's own figures are drawn from, where it holds the data. */
export type AnalysisFigures = Pick<ReportData, 'valueCalibration' | 'potentialCalibration'> & {
  heatMaps: (ReportData['heatMaps'][number] & { name?: string })[]
  passAtK: { name: string; curve: PassAtK[] }[]
}

/** Writes failures.json and figures/*.svg. @returns the paths written */
export async function writeFailures(
  folder: string,
  file: FailureFile,
  figures: AnalysisFigures,
): Promise<string[]> {
  const drawn = new Map<string, string>()
  if (file.distribution.total.traces > 0) {
    drawn.set('failures.svg', failuresChart(file.distribution.models, 'model'))
    drawn.set('failures-by-site.svg', failuresChart(file.distribution.sites, 'site'))
  }
  if (figures.passAtK.length > 0) drawn.set('pass-at-k.svg', passAtKChart(figures.passAtK))
  for (const { phase, map, name } of figures.heatMaps) {
    drawn.set(`milestones${name === undefined ? `-phase-${phase}` : ''}.svg`, heatMapChart(phase, map, name))
  }
  for (const curve of figures.valueCalibration) {
    drawn.set(`value-phase-${curve.phase}.svg`, reliabilityChart('value critic', 'observed success', curve))
  }
  for (const curve of figures.potentialCalibration) {
    const chart = reliabilityChart('potential critic', 'progress label', curve)
    drawn.set(`potential-phase-${curve.phase}.svg`, chart)
  }
  await mkdir(join(folder, 'figures'), { recursive: true })
  const paths = [join(folder, 'failures.json')]
  await writeFileAtomic(paths[0] as string, `${JSON.stringify(file, null, 2)}\n`)
  for (const [name, svg] of drawn) {
    const path = join(folder, 'figures', name)
    await writeFileAtomic(path, standalone(svg))
    paths.push(path)
  }
  return paths
}

const kind = z.enum(FAILURE_CLASSES)
const keyStep = z.int().min(1).nullable()
/** What the page needs; the rest of the file is for others. */
const readable = z.object({
  version: z.literal(1),
  distribution: z.custom<FailureDistribution>(
    (value) => typeof (value as FailureDistribution | null)?.total?.traces === 'number',
  ),
  episodes: z.array(
    z.object({
      episode: z.string(),
      class: kind,
      keyStep,
      summary: z.string(),
      refined: z.object({ class: kind, keyStep, reason: z.string() }).optional(),
    }),
  ),
})
export type ReadFailures = z.output<typeof readable>

/** undefined where nothing was analysed. @throws RunError ERR_RUN_FORMAT when the file is damaged */
export async function readFailures(directory: string): Promise<ReadFailures | undefined> {
  const path = join(directory, 'failures.json')
  if (!existsSync(path)) return undefined
  try {
    return readable.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw new RunError(
      'ERR_RUN_FORMAT',
      `expected the analysis of failures in ${path}, it is another version or damaged; write it anew with mira analyze`,
      { cause },
    )
  }
}

/** The same episodes, with class, key step and summary of those that were diagnosed. */
export function markFailures(
  episodes: readonly SampleEpisode[],
  failures: ReadFailures | undefined,
): SampleEpisode[] {
  const found = new Map(failures?.episodes.map((own) => [own.episode, own]))
  return episodes.map((episode) => {
    const own = found.get(episode.id)
    if (!own || episode.success) return episode
    return {
      ...episode,
      failure: {
        class: classOf(own as Diagnosis),
        keyStep: keyStepOf(own as Diagnosis),
        summary: own.refined ? `${own.summary} ${own.refined.reason}` : own.summary,
      },
    }
  })
}
