/** `mira eval --suite`: a model on a suite into a folder, gone on with (--resume) or scored anew (--rescore). */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { loadConfig } from '../../config/load.ts'
import type { Config, ConfigInput } from '../../config/schema.ts'
import { DIALECTS, type EVALUATION_SUITES } from '../../config/sections/run.ts'
import { GRAMMARS, OBSERVATIONS } from '../../config/sections/world.ts'
import type { ModelSource } from '../../evaluation/policy.ts'
import type { Thinking } from '../../evaluation/sweep.ts'
import { evaluationReporter, summaryText, writeReport } from '../eval-output.ts'
import { EXIT, type ExitCode, UsageError } from '../exit.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { type ConfigFlags, modeOf, type OutputFlags, wholeNumber } from '../options.ts'
import type { Context } from './context.ts'
import { sweepBudgets, thinkingBudgets } from './eval-sweep.ts'

export interface SuiteFlags extends ConfigFlags, OutputFlags {
  suite?: (typeof EVALUATION_SUITES)[number]
  model?: string
  policy?: string
  phase: string
  split?: string
  episodes?: number
  tasks?: string
  ids?: string
  sites?: string
  attempts?: number
  judge?: string
  dialect?: (typeof DIALECTS)[number]
  grammar?: string
  observation?: string
  concurrency?: number
  browser?: boolean
  sgo?: string
  thinking?: Thinking[]
  out?: string
  resume?: string
  retryErrors?: boolean
  rescore?: string
}

export function withSuiteFlags(command: Command): Command {
  return command
    .option(
      '--model <name>',
      'Hugging Face folder, run directory (its --phase), or language model (gemini:NAME)',
    )
    .option('--policy <file>', 'module that exports createPolicy, in place of --model')
    .option('--tasks <path>', "the suite's task file or folder")
    .option('--ids <list>', 'only these task ids: 0-9,33')
    .option('--sites <list>', 'only tasks on these sites: reddit,gitlab')
    .option('--attempts <k>', 'times every task is played; pass@k up to k', wholeNumber)
    .option(
      '--judge <model>',
      'language model for fuzzy matches, or the outcome model: openai:NAME@http://HOST/v1',
    )
    .addOption(new Option('--dialect <name>', 'rules of the evaluators').choices([...DIALECTS]))
    .addOption(new Option('--grammar <name>', 'how actions are read').choices([...GRAMMARS]))
    .addOption(new Option('--observation <name>', 'how pages are shown').choices([...OBSERVATIONS]))
    .option('--concurrency <n>', 'episodes in flight', wholeNumber)
    .option('--sgo <planner>', 'guide the agent by milestones: oracle, a language model, or off')
    .option(
      '--thinking <list>',
      'reasoning tokens of language models: 0, 1024, auto; several are swept: 0,256,auto',
      thinkingBudgets,
    )
    .option('--browser', 'play the embedded suite in Chromium')
    .option('--out <dir>', 'folder to write (default: evaluations/<suite>-<time>)')
    .option('--resume <dir>', 'go on with an evaluation that was interrupted')
    .option('--retry-errors', 'with --resume: play again what failed for infrastructure')
    .option('--rescore <dir>', 'score the episodes of an evaluation anew, without playing them')
}

export async function evaluateOnSuite(flags: SuiteFlags, context: Context): Promise<ExitCode> {
  if (flags.rescore !== undefined) return rescore(flags, context)
  if (flags.resume !== undefined) expectOnly(flags, ['resume', 'retryErrors', 'json', 'quiet'], '--resume')
  else if (flags.retryErrors) throw new UsageError('--retry-errors: expected --resume DIR with it')
  const plan = flags.resume === undefined ? await planOf(flags) : undefined
  const { evaluateSuite, resumeEvaluation } = await import('../../evaluation/evaluate.ts')
  const reporter = evaluationReporter(modeOf(flags), context.out)
  using interruption = listenForInterrupt(
    () => context.err.write('\nstopping; press Ctrl-C again to quit at once\n'),
    context.quit,
  )
  let path = ''
  if (plan && (flags.thinking?.length ?? 0) > 1) {
    return await sweepBudgets(plan, flags, context, { onEvent: reporter, signal: interruption.signal })
  }
  const options = {
    onFolder: (folder: string) => {
      path = folder
      if (modeOf(flags) === 'auto') context.out.write(`folder ${folder}\n`)
    },
    onEvent: reporter,
    signal: interruption.signal,
  }
  try {
    const directory = flags.out === undefined ? {} : { directory: flags.out }
    const ended = plan
      ? await evaluateSuite(plan.config, plan.source, { ...options, ...directory })
      : await resumeEvaluation(flags.resume as string, {
          ...options,
          retryErrors: flags.retryErrors === true,
        })
    if (!flags.json) context.out.write(`\n${summaryText(ended.result)}\n`)
  } catch (error) {
    if (!interruption.signal.aborted) throw error
    context.err.write(path === '' ? 'stopped\n' : `stopped; go on with --resume ${path}\n`)
    return EXIT.interrupted
  }
  await writeReport(path, flags, context)
  return EXIT.ok
}

async function rescore(flags: SuiteFlags, context: Context): Promise<ExitCode> {
  expectOnly(flags, ['rescore', 'dialect', 'judge', 'out', 'json', 'quiet'], '--rescore')
  const { rescoreEvaluation } = await import('../../evaluation/rescore.ts')
  const { path, result } = await rescoreEvaluation(flags.rescore as string, {
    ...(flags.dialect === undefined ? {} : { dialect: flags.dialect }),
    ...(flags.judge === undefined ? {} : { judge: flags.judge }),
    ...(flags.out === undefined ? {} : { directory: flags.out }),
  })
  if (!flags.json) context.out.write(`${summaryText(result)}\n`)
  await writeReport(path, flags, context)
  return EXIT.ok
}

/** Everything is judged before anything is loaded or written. */
async function planOf(flags: SuiteFlags): Promise<{ config: Config; source: ModelSource }> {
  const { suite } = flags
  if (suite === undefined) throw new UsageError('expected --suite')
  if ((flags.model === undefined) === (flags.policy === undefined)) {
    throw new UsageError(
      'expected --model (a Hugging Face folder, a run directory or a language model), or --policy FILE',
    )
  }
  const source = await sourceOf(flags)
  const config = loadConfig({
    preset:
      flags.preset ?? (suite === 'embedded' ? 'embedded' : suite === 'miniwob' ? 'miniwob' : 'webarena'),
    base: baseOf(source, suite),
    ...(flags.config === undefined ? {} : { file: flags.config }),
    set: [...flags.set, ...settings(flags)],
  })
  if (flags.thinking && source.kind !== 'prompted' && ['off', 'oracle'].includes(config.sgo.planner)) {
    throw new UsageError(
      '--thinking: expected a language model that plans (--sgo gemini:NAME) or acts (--model gemini:NAME), received neither',
    )
  }
  return { config, source }
}

async function sourceOf(flags: SuiteFlags): Promise<ModelSource> {
  if (flags.policy !== undefined) return { kind: 'script', path: resolve(flags.policy) }
  const { findModel } = await import('../../evaluation/policy.ts')
  return findModel(flags.model as string, flags.phase)
}

/** What a model brings with it; a run also knows how its agent sees and acts on the suite it was trained on. */
function baseOf(source: ModelSource, suite: string): ConfigInput {
  if (source.kind === 'script') return {}
  // WebArena's own page and actions, as the prompted models of the published tables; in process there is one page only.
  if (source.kind === 'prompted') {
    const agent = { observation: 'axtree', grammar: 'webarena', addressing: 'id' } as const
    return suite === 'embedded' ? {} : { agent }
  }
  if (source.kind === 'checkpoint') return { model: { path: source.path } }
  const { model, tokenizer, training, agent, suite: trained } = source.config
  return {
    model,
    tokenizer,
    training,
    ...(suite === trained.name ? { agent, suite: trained } : {}),
  }
}

/** The flags as keys of the configuration, which is what the folder keeps. */
function settings(flags: SuiteFlags): string[] {
  const list = (text: string) => text.split(',').map((part) => part.trim())
  const values: Record<string, unknown> = {
    'evaluation.suite': flags.suite,
    'evaluation.split': flags.split,
    'evaluation.episodes': flags.episodes,
    'evaluation.tasks': flags.tasks === undefined ? undefined : resolve(flags.tasks),
    'evaluation.ids': flags.ids,
    'evaluation.sites': flags.sites === undefined ? undefined : list(flags.sites),
    'evaluation.attempts': flags.attempts,
    'evaluation.judge': flags.judge,
    'evaluation.dialect': flags.dialect,
    'evaluation.browser': flags.browser,
    'sgo.planner': flags.sgo,
    ...(flags.thinking?.length === 1
      ? { 'sgo.thinking': flags.thinking[0], 'prompted.thinking': flags.thinking[0] }
      : {}),
    'agent.grammar': flags.grammar,
    'agent.observation': flags.observation,
    'agent.concurrency': flags.concurrency,
    'run.seed': flags.seed,
  }
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
}

/** What the folder says already cannot be said again. */
function expectOnly(flags: SuiteFlags, allowed: readonly string[], what: string): void {
  const given = givenFlags(flags).filter((name) => !allowed.includes(name))
  if (given.length === 0) return
  const names = given.map((name) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`)
  throw new UsageError(
    `${what}: expected no other settings than the folder's own, received ${names.join(', ')}`,
  )
}

/** Flags that the command line holds; defaults are none. */
export function givenFlags(flags: SuiteFlags): string[] {
  return Object.entries(flags)
    .filter(
      ([name, value]) =>
        value !== undefined &&
        name !== 'debug' &&
        !(name === 'phase' && value === 'best') &&
        !(Array.isArray(value) && value.length === 0),
    )
    .map(([name]) => name)
}
