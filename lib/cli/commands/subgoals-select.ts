/** `mira subgoals select`: tries prompt contexts on kept episodes and says which one's milestones mean most. */
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { type Candidate, CRITERIA, type Criterion, selectContext } from '../../analysis/selection.ts'
import type { Config } from '../../config/schema.ts'
import { LanguageModels } from '../../llm/models.ts'
import { configuredChecker, configuredGenerator } from '../../milestones/settings.ts'
import { writeFileAtomic } from '../../run/files.ts'
import { SPLITS, type Split } from '../../tasks/task.ts'
import { UsageError } from '../exit.ts'
import { interruptible } from '../interruptible.ts'
import { keptEpisodes } from '../kept-episodes.ts'
import { type ConfigFlags, configOf, wholeNumber, withConfigFlags } from '../options.ts'
import { selectionText } from '../subgoals-output.ts'
import type { Context } from './context.ts'

interface SelectFlags extends ConfigFlags {
  planner?: string
  rater?: string
  draws: number
  prompt: string[]
  criterion: Criterion
  phase?: number
  split?: Split | 'all'
  limit?: number
  out?: string
  json?: boolean
}

export function addSelect(subgoals: Command, context: Context): void {
  const command = subgoals
    .command('select')
    .description('try draws of examples and prompt files on kept episodes, keep the best')
    .argument(
      '<folder>',
      'run directory or folder of an evaluation, not the one that results are reported on',
    )
    .option('--planner <model>', 'language model that writes milestones (default: llm.models.planner)')
    .option(
      '--rater <model>',
      'language model that checks them (default: llm.models.rater, else the planner)',
    )
    .option('--draws <n>', 'draws of examples per prompt', wholeNumber, 4)
    .option('--prompt <file>', 'prompt to try; repeatable (default: the configured one)', collect, [])
    .addOption(new Option('--criterion <name>', 'what is maximised').choices([...CRITERIA]).default('auroc'))
    .option('--phase <n>', 'phase of the run (default: the one that was kept)', wholeNumber)
    .addOption(
      new Option('--split <name>', 'embedded tasks (default: train of a run, all of an evaluation)').choices([
        ...SPLITS,
        'all',
      ]),
    )
    .option('--limit <n>', 'at most so many episodes, spread over all', wholeNumber)
    .option('--out <file>', 'file for the result (default: subgoal-selection.json in the folder)')
    .option('--json', 'print the result as JSON')
  withConfigFlags(command).action(async (directory: string, flags: SelectFlags) => {
    const config = configOf(flags)
    const { planner, rater } = modelsOf(config, flags)
    // What chooses a prompt is not to be what it is reported on.
    const kept = await keptEpisodes(directory, { ...flags, runSplit: 'train' })
    await interruptible(context, async (signal) => {
      const models = new LanguageModels(config.llm, {
        onNote: (note) => context.err.write(`note: ${note}\n`),
      })
      try {
        const selection = await selectContext(
          candidatesOf(config, flags, (settings) =>
            configuredGenerator(models.model(planner, 'planner'), settings),
          ),
          configuredChecker(models.model(rater, 'rater'), config.milestones),
          spread(kept.episodes, flags.limit),
          {
            criterion: flags.criterion,
            monotone: config.milestones.monotone,
            pictureOf: kept.pictureOf,
            concurrency: config.llm.concurrency,
            onCandidate: ({ name, score }) =>
              context.err.write(`${name}: ${flags.criterion} ${score === null ? '-' : score.toFixed(4)}\n`),
            signal,
          },
        )
        const path = resolve(flags.out ?? join(kept.path, 'subgoal-selection.json'))
        await writeFileAtomic(path, `${JSON.stringify({ planner, rater, ...selection }, null, 2)}\n`)
        context.out.write(
          flags.json ? `${JSON.stringify(selection)}\n` : `${selectionText(selection)}\n\n${path}\n`,
        )
      } finally {
        await models.close()
      }
    })
  })
}

/** Every prompt with every draw; names are the settings that repeat it. */
function candidatesOf(
  { milestones }: Config,
  { prompt, draws }: SelectFlags,
  generatorOf: (settings: Config['milestones']) => Candidate['generator'],
): Candidate[] {
  const prompts = prompt.length > 0 ? prompt.map((file) => resolve(file)) : [milestones.prompt]
  return prompts.flatMap((file) =>
    Array.from({ length: draws }, (_, i) => {
      const seed = milestones.seed + i
      const name = `milestones.seed=${seed}${prompts.length > 1 ? ` milestones.prompt=${file}` : ''}`
      return { name, generator: generatorOf({ ...milestones, prompt: file, seed }) }
    }),
  )
}

function modelsOf({ llm }: Config, flags: SelectFlags): { planner: string; rater: string } {
  const planner = flags.planner ?? llm.models.planner
  if (!planner) {
    throw new UsageError(
      '--planner: expected a language model, as in gemini:NAME or openai:NAME@http://HOST/v1, received nothing',
    )
  }
  return { planner, rater: flags.rater ?? llm.models.rater ?? planner }
}

/** Every so many-th, so that all parts of a run are among them. */
function spread<T>(items: readonly T[], limit = items.length): T[] {
  if (limit >= items.length) return [...items]
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)] as T)
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value]
}
