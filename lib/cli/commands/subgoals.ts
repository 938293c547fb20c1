/** `mira subgoals`: writes milestones for tasks, validates them on kept episodes, and chooses among prompt contexts. */
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { MilestoneStudy } from '../../analysis/validation-study.ts'
import { type NoiseTarget, PAPER_NOISE } from '../../milestones/noise-rates.ts'
import { SPLITS, type Split } from '../../tasks/task.ts'
import { interruptible } from '../interruptible.ts'
import { keptEpisodes } from '../kept-episodes.ts'
import { type ConfigFlags, configOf, wholeNumber, withConfigFlags } from '../options.ts'
import { studyText } from '../subgoals-output.ts'
import type { Context } from './context.ts'
import { addGenerate } from './subgoals-generate.ts'
import { addSelect } from './subgoals-select.ts'

interface ValidateFlags extends ConfigFlags {
  phase?: number
  split?: Split | 'all'
  noise: NoiseTarget[]
  withoutNoise?: boolean
  rater?: string
  milestones?: string
  json?: boolean
  report: boolean
}

/** Mild, as the paper reports its own, and worse. */
const NOISE_LEVELS: readonly NoiseTarget[] = [
  { recall: 0.85, precision: 0.92 },
  PAPER_NOISE,
  { recall: 0.4, precision: 0.6 },
]

export function addSubgoals(program: Command, context: Context): void {
  const subgoals = program
    .command('subgoals')
    .description('milestones: write them, validate them, choose a prompt for them (docs/subgoals.md)')
  addGenerate(subgoals, context)
  addSelect(subgoals, context)
  const validate = subgoals
    .command('validate')
    .description('how well milestones predict success on episodes that were played')
    .argument('<folder>', 'run directory, for example runs/latest, or the folder of an evaluation')
    .option('--phase <n>', 'phase of the run (default: the one that was kept)', wholeNumber)
    .addOption(
      new Option('--split <name>', 'embedded tasks (default: test of a run, all of an evaluation)').choices([
        ...SPLITS,
        'all',
      ]),
    )
    .option(
      '--noise <recall/precision>',
      'also with errors in the recorded verdicts that give these figures; repeatable (default: 0.85/0.92, 0.60/0.79, 0.40/0.60)',
      collectNoise,
      [],
    )
    .option('--without-noise', 'no errors')
    .option('--rater <model>', 'also as this language model checks the episodes: gemini:NAME')
    .option('--milestones <file>', 'with --rater: milestones from `mira subgoals generate`')
    .option('--json', 'the study as JSON')
    .option('--no-report', 'print only: neither subgoals.json nor the report is written')
  withConfigFlags(validate).action(async (directory: string, flags: ValidateFlags) => {
    const { path, kind, source, episodes, pictureOf } = await keptEpisodes(directory, flags)
    await interruptible(context, async (signal) => {
      const { studyOf } = await import('../subgoals-study.ts')
      const study = await studyOf(episodes, source, {
        config: configOf(flags),
        noise: flags.withoutNoise ? [] : flags.noise.length > 0 ? flags.noise : NOISE_LEVELS,
        noiseAsked: flags.noise.length > 0,
        rater: flags.rater,
        milestones: flags.milestones,
        pictureOf,
        onNote: (note) => context.err.write(`note: ${note}\n`),
        signal,
      })
      context.out.write(flags.json ? `${JSON.stringify(study)}\n` : `${studyText(study)}\n`)
      if (!flags.report) return
      const written = await keep(path, kind, study)
      if (!flags.json) context.out.write(`\n${written}\n`)
    })
  })
}

/** Beside the episodes, and in their report. */
async function keep(path: string, kind: 'run' | 'evaluation', study: MilestoneStudy): Promise<string> {
  const { writeFileAtomic } = await import('../../run/files.ts')
  await writeFileAtomic(join(path, 'subgoals.json'), `${JSON.stringify(study, null, 2)}\n`)
  if (kind === 'run') {
    const { writeReport } = await import('../../report/build.ts')
    return writeReport(path)
  }
  const { writeEvaluationReport } = await import('../../report/evaluation.ts')
  return writeEvaluationReport(path)
}

function collectNoise(text: string, previous: NoiseTarget[]): NoiseTarget[] {
  const [recall, precision, ...more] = text.split('/').map(Number)
  const good = (share: number | undefined) => share !== undefined && share > 0 && share <= 1
  if (good(recall) && good(precision) && more.length === 0) {
    return [...previous, { recall: recall as number, precision: precision as number }]
  }
  throw new InvalidArgumentError('expected recall and precision above 0 and up to 1, as in 0.60/0.79')
}
