/**
 * The whole analysis of some folders: failures diagnosed against experts and all folders' successes, refined by a
 * language model where one is given, compared with human labels, counted. Writes nothing.
 */
import { analyseFailures } from '../analysis/failures/analyse.ts'
import { failureAgreement } from '../analysis/failures/agreement.ts'
import type { Diagnosis } from '../analysis/failures/diagnosis.ts'
import { type AnalysedEpisode, classOf, keyStepOf } from '../analysis/failures/distribution.ts'
import { AnalysisInputError } from '../analysis/failures/errors.ts'
import type { FailureLabel } from '../analysis/failures/labels.ts'
import { Peers } from '../analysis/failures/references.ts'
import { type RefineOptions, refine } from '../analysis/failures/refine.ts'
import { DEFAULT_FAILURE_SETTINGS, type FailureSettings } from '../analysis/failures/settings.ts'
import { LanguageModelError } from '../llm/errors.ts'
import type { LanguageModel } from '../llm/model.ts'
import { embeddedWeb } from '../sites/embedded.ts'
import type { AnalysedFolder } from './analysed.ts'
import { type FailureFile, failureFile } from './failures.ts'

export interface AnalysisOptions {
  settings?: FailureSettings
  labels?: readonly FailureLabel[]
  /** Asked about every failure. */
  refiner?: { model: LanguageModel; prompt?: RefineOptions['prompt'] }
  /** Told what went on without being an error. */
  onNote?: (note: string) => void
  signal?: AbortSignal
}

export interface Analysis {
  /** All folders together. */
  whole: FailureFile
  /** Each folder by itself, in the order given. */
  parts: { folder: AnalysedFolder; file: FailureFile }[]
}

type Judged = AnalysedEpisode & { folder: string }

export async function analyseFolders(
  folders: readonly AnalysedFolder[],
  options: AnalysisOptions = {},
): Promise<Analysis> {
  const settings = options.settings ?? DEFAULT_FAILURE_SETTINGS
  const peers = new Peers(folders.flatMap(({ traces }) => traces.map(({ trace }) => trace)))
  const judged: Judged[][] = []
  for (const folder of folders) {
    const traces = folder.traces.map(({ trace }) => trace)
    const { signal } = options
    const found = await analyseFailures(traces, {
      web: embeddedWeb,
      peers,
      settings,
      ...(signal && { signal }),
    })
    const refined = await refineAll(folder, found, options)
    const byId = new Map(refined.map((diagnosis) => [diagnosis.episode, diagnosis]))
    judged.push(
      folder.traces.map(({ trace, model, site }) => {
        const diagnosis = byId.get(trace.id)
        return { folder: folder.name, model, site, ...(diagnosis && { diagnosis }) }
      }),
    )
  }
  const file = (of: readonly AnalysedFolder[], own: Judged[]): FailureFile => {
    const labels = options.labels && agreementWith(options.labels, own)
    return failureFile({
      folders: of.map(({ path }) => path),
      settings,
      unscorable: of.reduce((sum, { unscorable }) => sum + unscorable, 0),
      judged: own,
      ...(labels && { labels }),
    })
  }
  return {
    whole: file(folders, judged.flat()),
    parts: folders.map((folder, i) => ({ folder, file: file([folder], judged[i] ?? []) })),
  }
}

/** What the model cannot answer in form keeps the rules' diagnosis; everything else ends the analysis. */
async function refineAll(
  { traces }: AnalysedFolder,
  diagnoses: readonly Diagnosis[],
  { refiner, signal, onNote }: AnalysisOptions,
): Promise<readonly Diagnosis[]> {
  if (!refiner) return diagnoses
  const byId = new Map(traces.map(({ trace }) => [trace.id, trace]))
  const { model, prompt } = refiner
  return Promise.all(
    diagnoses.map(async (diagnosis) => {
      const trace = byId.get(diagnosis.episode)
      if (!trace) return diagnosis
      try {
        const options = { ...(prompt && { prompt }), ...(signal && { signal }) }
        return (await refine(model, trace, diagnosis, options)).diagnosis
      } catch (error) {
        const formless =
          error instanceof LanguageModelError &&
          (error.code === 'LLM_MALFORMED' || error.code === 'LLM_REFUSED')
        if (!formless) throw error
        onNote?.(`episode ${diagnosis.episode}: the rules' diagnosis stands, ${error.message}`)
        return diagnosis
      }
    }),
  )
}

/** A label names an episode by its id, or as FOLDER:ID where several folders have that id. */
function agreementWith(labels: readonly FailureLabel[], judged: readonly Judged[]): FailureFile['labels'] {
  const byId = new Map<string, Diagnosis[]>()
  for (const { diagnosis, folder } of judged) {
    if (!diagnosis) continue
    for (const key of [diagnosis.episode, `${folder}:${diagnosis.episode}`]) {
      byId.set(key, [...(byId.get(key) ?? []), diagnosis])
    }
  }
  const unmatched: string[] = []
  const pairs = labels.flatMap((label) => {
    const found = byId.get(label.episode) ?? []
    if (found.length > 1) {
      throw new AnalysisInputError(
        `labels: episode ${label.episode} is in ${found.length} folders; write FOLDER:${label.episode}`,
      )
    }
    const [diagnosis] = found
    if (!diagnosis) {
      unmatched.push(label.episode)
      return []
    }
    return [[label, { class: classOf(diagnosis), keyStep: keyStepOf(diagnosis) }] as const]
  })
  return { ...failureAgreement(pairs), unmatched }
}
