/** What `mira analyze` does with its flags: read the folders, analyse, print, write. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { parseLabels } from '../analysis/failures/labels.ts'
import { loadRefinePrompt } from '../analysis/failures/refine.ts'
import { type FailureSettings, failureSettings } from '../analysis/failures/settings.ts'
import { LanguageModels } from '../llm/models.ts'
import { readAnalysed } from '../report/analysed.ts'
import { type AnalysisOptions, analyseFolders } from '../report/analysis.ts'
import { absences, analysisFigures } from '../report/analysis-figures.ts'
import { writeReport } from '../report/build.ts'
import { writeEvaluationReport } from '../report/evaluation.ts'
import { type AnalysisFigures, writeFailures } from '../report/failures.ts'
import type { Split } from '../tasks/task.ts'
import { failureText, figuresText } from './analysis-output.ts'
import type { Context } from './commands/context.ts'
import { UsageError } from './exit.ts'
import { type ConfigFlags, configOf } from './options.ts'

export interface AnalyzeFlags extends Pick<ConfigFlags, 'config' | 'set'> {
  phase?: number
  split?: Split
  labels?: string
  rule: string[]
  refine?: string
  refinePrompt?: string
  out?: string
  json?: boolean
  report: boolean
}

export async function analyze(
  directories: readonly string[],
  flags: AnalyzeFlags,
  context: Context,
  signal: AbortSignal,
): Promise<void> {
  const settings = rulesOf(flags.rule)
  const labels = flags.labels === undefined ? undefined : await labelsOf(flags.labels)
  const note = (text: string) => void context.err.write(`note: ${text}\n`)
  const filter = {
    ...(flags.phase === undefined ? {} : { phase: flags.phase }),
    ...(flags.split === undefined ? {} : { split: flags.split }),
  }
  const folders = []
  for (const directory of directories) folders.push(await readAnalysed(directory, filter))
  const models = flags.refine === undefined ? undefined : modelsOf(flags, note)
  try {
    const refiner = models && (await refinerOf(models, flags))
    const { whole, parts } = await analyseFolders(folders, {
      settings,
      signal,
      onNote: note,
      ...(labels && { labels }),
      ...(refiner && { refiner }),
    })
    const own = parts.map((part) => ({ ...part, figures: analysisFigures(part.folder) }))
    if (flags.json) context.out.write(`${JSON.stringify(whole)}\n`)
    else {
      context.out.write(`${failureText(whole)}\n\n`)
      for (const { folder, figures } of own) {
        context.out.write(`${figuresText(folder.name, figures, absences(folder, figures))}\n`)
      }
    }
    const written: string[] = []
    if (flags.out === undefined) {
      for (const { folder, file, figures } of own) {
        written.push(...(await writeFailures(folder.path, file, figures)))
        if (!flags.report) continue
        written.push(await (folder.kind === 'run' ? writeReport : writeEvaluationReport)(folder.path))
      }
    } else {
      const [only] = own
      const passAtK = own.flatMap(({ figures }) => figures.passAtK)
      const figures = own.length === 1 && only ? only.figures : { ...NO_FIGURES, passAtK }
      written.push(...(await writeFailures(flags.out, whole, figures)))
      if (own.length > 1) {
        for (const [i, part] of own.entries()) {
          const folder = join(flags.out, `${i + 1}-${part.folder.name}`)
          written.push(...(await writeFailures(folder, part.file, part.figures)))
        }
      }
    }
    if (!flags.json) context.out.write(`\nwritten: ${written.join('\n         ')}\n`)
  } finally {
    await models?.close()
  }
}

const NO_FIGURES: AnalysisFigures = {
  passAtK: [],
  heatMaps: [],
  valueCalibration: [],
  potentialCalibration: [],
}

function rulesOf(lines: readonly string[]): FailureSettings {
  const given = lines.map((line): [string, unknown] => {
    const [key = '', ...value] = line.split('=')
    if (value.length === 0)
      throw new UsageError(`--rule: expected key=value, received ${JSON.stringify(line)}`)
    return [key.trim(), parse(value.join('='))]
  })
  const result = failureSettings.safeParse(Object.fromEntries(given))
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const known = Object.keys(failureSettings.shape).join(', ')
  throw new UsageError(`--rule ${issue?.path.join('.') ?? ''}: ${issue?.message}; known are ${known}`)
}

async function labelsOf(path: string) {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new UsageError(`--labels: expected a CSV file, but ${(cause as Error).message}`, { cause })
  }
  return parseLabels(text, path)
}

function modelsOf(flags: AnalyzeFlags, onNote: (note: string) => void): LanguageModels {
  return new LanguageModels(configOf(flags).llm, { onNote })
}

async function refinerOf(models: LanguageModels, flags: AnalyzeFlags): Promise<AnalysisOptions['refiner']> {
  const model = models.model(flags.refine as string, 'analyser')
  if (flags.refinePrompt === undefined) return { model }
  return { model, prompt: await loadRefinePrompt(flags.refinePrompt) }
}
