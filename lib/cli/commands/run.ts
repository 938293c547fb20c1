/**
 * `mira run`: one task of one's own in Chromium, the checklist filling as the agent goes; `mira plan-task`: only the
 * checklist. Both write nothing.
 */
import type { Command } from 'commander'
import { loadConfig } from '../../config/load.ts'
import type { Config, ConfigInput } from '../../config/schema.ts'
import type { ModelSource } from '../../evaluation/policy.ts'
import type { OwnTask } from '../../evaluation/single.ts'
import { episodeReporter, planLines, printable } from '../checklist-output.ts'
import { EXIT, UsageError } from '../exit.ts'
import { listenForInterrupt } from '../interrupt.ts'
import {
  type ConfigFlags,
  modeOf,
  type OutputFlags,
  wholeNumber,
  withConfigFlags,
  withOutputFlags,
} from '../options.ts'
import type { Context } from './context.ts'
import { thinkingBudgets } from './eval-sweep.ts'

interface OwnFlags extends ConfigFlags, OutputFlags {
  url: string
  allow: string[]
  model?: string
  thinking?: (number | 'auto')[]
  headed?: boolean
  screenshots?: boolean
}

interface RunFlags extends OwnFlags {
  phase: string
  sgo?: string | boolean
  steps?: number
}

export function addPlanTask(program: Command, context: Context): void {
  const command = program
    .command('plan-task')
    .description('print the milestones that a language model proposes for one task')
    .argument('<intent>', 'what is to be done, in quotes')
    .option(
      '--model <spec>',
      'language model: gemini:NAME, openai:NAME@http://HOST/v1 (default: llm.models.planner)',
    )
  withOutputFlags(withConfigFlags(withOwnFlags(command))).action(async (intent: string, flags: OwnFlags) => {
    const config = configOfOwn(flags, {})
    const { planTask } = await import('../../evaluation/single.ts')
    const { spentLine } = await import('../../evaluation/work.ts')
    using interruption = stopping(context)
    const { milestones, spent } = await planTask(config, ownTask(intent, flags), {
      ...(flags.model === undefined ? {} : { planner: flags.model }),
      signal: interruption.signal,
    })
    if (flags.json) {
      context.out.write(`${JSON.stringify({ intent, url: flags.url, milestones, spent })}\n`)
      return
    }
    const lines = planLines({ milestones, z: milestones.map(() => 0) })
    context.out.write(`${lines.join('\n')}\n`)
    if (!flags.quiet) context.out.write(`${spentLine(spent)}\n`)
  })
}

export function addRun(program: Command, context: Context): void {
  const command = program
    .command('run')
    .description('let an agent carry out one task in Chromium')
    .argument('<intent>', 'what is to be done, in quotes')
    .option(
      '--model <name>',
      'language model, Hugging Face folder or run directory (default: llm.models.planner)',
    )
    .option('--phase <n>', 'phase of a run, or "best"', 'best')
    .option('--sgo [planner]', 'guide it by milestones; the planner is a language model (default: --model)')
    .option('--steps <n>', 'actions at most', wholeNumber)
  withOutputFlags(withConfigFlags(withOwnFlags(command))).action(async (intent: string, flags: RunFlags) => {
    const source = await sourceOf(flags)
    const config = configOfOwn(flags, baseOf(source), [
      ...plannerSetting(flags, source),
      ...(flags.steps === undefined ? [] : [`agent.horizon=${flags.steps}`]),
    ])
    const { runTask } = await import('../../evaluation/single.ts')
    const { workLines } = await import('../../evaluation/model-facts.ts')
    const { workOf } = await import('../../evaluation/work.ts')
    using interruption = stopping(context)
    const columns = (context.out as { columns?: number }).columns
    const reporter = episodeReporter(modeOf(flags), context.out, columns)
    try {
      const episode = await runTask(config, source, ownTask(intent, flags), {
        watch: (event) => reporter.handle(event),
        signal: interruption.signal,
      })
      const { end, answer, steps, seconds } = episode
      if (flags.json) {
        const ended = { type: 'end', end, answer: answer ?? null, steps: steps.length, seconds }
        context.out.write(`${JSON.stringify(ended)}\n`)
        return
      }
      const work = workOf([{ kind: 'episode', key: episode.id, episode }])
      const lines = [
        `${ENDS[end]} after ${steps.length} steps, ${seconds.toFixed(1)} s`,
        ...(answer ? [printable(`answer: ${answer}`)] : []),
        ...(flags.quiet ? [] : workLines({ work })),
      ]
      context.out.write(`${lines.join('\n')}\n`)
    } catch (error) {
      if (!interruption.signal.aborted) throw error
      context.exit(EXIT.interrupted)
    }
  })
}

const ENDS = {
  exit: 'finished',
  horizon: 'stopped at the limit of steps',
  stuck: 'stopped: the same action again and again',
  invalid: 'stopped: texts that are no actions',
  environment: 'ended by the page',
  error: 'failed',
} as const

function withOwnFlags(command: Command): Command {
  return command
    .requiredOption('--url <address>', 'page to start on; its origin is all that can be reached')
    .option('--allow <origin>', 'another origin that can be reached; repeatable', collect, [])
    .option('--thinking <budget>', 'reasoning tokens: a number or auto', thinkingBudgets)
    .option('--headed', 'show the browser')
    .option('--screenshots', 'show pictures of the pages to the models')
}

const collect = (value: string, previous: string[]) => [...previous, value]

function ownTask(intent: string, { url, allow }: OwnFlags): OwnTask {
  return { intent, url, origins: allow }
}

function configOfOwn(flags: OwnFlags, base: ConfigInput, more: readonly string[] = []): Config {
  const [thinking, second] = flags.thinking ?? []
  if (second !== undefined) throw new UsageError('--thinking: expected one budget here, received several')
  return loadConfig({
    preset: flags.preset ?? 'own',
    base,
    ...(flags.config === undefined ? {} : { file: flags.config }),
    set: [
      ...flags.set,
      ...(flags.seed === undefined ? [] : [`run.seed=${flags.seed}`]),
      ...(flags.headed ? ['browser.headless=false'] : []),
      ...(flags.screenshots ? ['agent.screenshots=true'] : []),
      ...(thinking === undefined ? [] : [`sgo.thinking=${thinking}`, `prompted.thinking=${thinking}`]),
      ...more,
    ],
  })
}

async function sourceOf(flags: RunFlags): Promise<ModelSource> {
  const name = flags.model ?? configOfOwn(flags, {}).llm.models.planner
  if (name === null) {
    throw new UsageError(
      '--model: expected a language model (gemini:NAME), a Hugging Face folder or a run directory, received nothing',
    )
  }
  const { findModel } = await import('../../evaluation/policy.ts')
  return findModel(name, flags.phase)
}

/** A checkpoint reads and writes what it was trained on: WebRL's prompt over simplified HTML, or its run's. */
function baseOf(source: ModelSource): ConfigInput {
  if (source.kind === 'prompted' || source.kind === 'script') return {}
  const agent = { observation: 'clean', grammar: 'mira' } as const
  if (source.kind === 'checkpoint') return { model: { path: source.path }, agent }
  const { model, tokenizer, training } = source.config
  return { model, tokenizer, training, agent: { ...source.config.agent, ...agent, concurrency: 1 } }
}

function plannerSetting({ sgo }: RunFlags, source: ModelSource): string[] {
  if (sgo === undefined || sgo === false) return []
  if (typeof sgo === 'string') return [`sgo.planner=${JSON.stringify(sgo)}`]
  if (source.kind !== 'prompted') {
    throw new UsageError(
      '--sgo: expected the language model that plans (--sgo gemini:NAME), since --model is none',
    )
  }
  return [`sgo.planner=${JSON.stringify(source.path)}`]
}

function stopping(context: Context) {
  return listenForInterrupt(
    () => context.err.write('\nstopping; press Ctrl-C again to quit at once\n'),
    context.quit,
  )
}
