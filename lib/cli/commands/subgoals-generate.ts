/** `mira subgoals generate`: milestones for the tasks of a suite, or of a task file without its sites, as JSON lines. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import PQueue from 'p-queue'
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'
import { EVALUATION_SUITES } from '../../config/sections/run.ts'
import { LanguageModels } from '../../llm/models.ts'
import type { SeenPage } from '../../milestones/checker.ts'
import { oracleGenerator, type SubgoalGenerator } from '../../milestones/generator.ts'
import { configuredGenerator } from '../../milestones/settings.ts'
import { writeFileAtomic } from '../../run/files.ts'
import type { Task } from '../../tasks/task.ts'
import { interruptible } from '../interruptible.ts'
import { type ConfigFlags, wholeNumber, withConfigFlags } from '../options.ts'
import type { Context } from './context.ts'

interface GenerateFlags extends ConfigFlags {
  suite: (typeof EVALUATION_SUITES)[number]
  model: string
  tasks?: string
  ids?: string
  episodes?: number
  split?: string
  count?: number
  page: boolean
  out?: string
}

export function addGenerate(subgoals: Command, context: Context): void {
  const command = subgoals
    .command('generate')
    .description('write milestones for the tasks of a suite, one JSON line each')
    .requiredOption('--model <model>', 'language model (gemini:NAME), or "oracle" for embedded tasks')
    .addOption(
      new Option('--suite <name>', 'whose tasks').choices([...EVALUATION_SUITES]).default('embedded'),
    )
    .option('--tasks <path>', "the suite's task file or folder")
    .option('--ids <list>', 'only these task ids: 0-9,33')
    .addOption(new Option('--split <name>', 'embedded tasks').choices(['validation', 'test', 'novel']))
    .option('--episodes <n>', 'number of embedded tasks', wholeNumber)
    .option('--count <k>', 'milestones per task, 2 to 8', wholeNumber)
    .option('--no-page', "from the tasks' texts alone: no site is opened")
    .option('--out <file>', 'file to write (default: standard output)')
  withConfigFlags(command).action(async (flags: GenerateFlags) => {
    const config = configFor(flags)
    await interruptible(context, async (signal) => {
      const models = new LanguageModels(config.llm, {
        onNote: (note) => context.err.write(`note: ${note}\n`),
      })
      try {
        const generator =
          flags.model === 'oracle'
            ? oracleGenerator()
            : configuredGenerator(models.model(flags.model, 'planner'), config.milestones)
        const lines = await generateAll(generator, config, flags, signal)
        const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
        if (flags.out === undefined) context.out.write(text)
        else {
          await writeFileAtomic(resolve(flags.out), text)
          context.out.write(`${flags.out}: milestones of ${lines.length} tasks by ${generator.name}\n`)
        }
      } finally {
        await models.close()
      }
    })
  })
}

interface Line {
  task_id: string | number
  intent: string
  milestones: string[]
  model: string
  seconds: number
  /** US dollars, where prices are known. */
  cost?: number
}

async function generateAll(
  generator: SubgoalGenerator,
  config: Config,
  { page }: GenerateFlags,
  signal: AbortSignal,
): Promise<Line[]> {
  const source = page ? await withPages(config, signal) : await withoutPages(config)
  const queue = new PQueue({ concurrency: source.concurrency })
  try {
    return await queue.addAll(
      source.tasks.map((task) => async () => {
        signal.throwIfAborted()
        const seen = await source.look(task)
        const { milestones, seconds, usage } = await generator.generate({
          task,
          ...(seen ? { page: seen } : {}),
          signal,
        })
        const { task_id, intent } = task
        const cost = usage?.cost === undefined ? {} : { cost: usage.cost }
        return { task_id, intent, milestones, model: generator.name, seconds, ...cost }
      }),
    )
  } finally {
    queue.clear()
    await source.close()
  }
}

interface Source {
  tasks: readonly Task[]
  /** The page a task starts on. */
  look(task: Task): Promise<SeenPage | undefined>
  concurrency: number
  close(): Promise<void>
}

async function withPages(config: Config, signal: AbortSignal): Promise<Source> {
  const { openSuite } = await import('../../evaluation/suite.ts')
  const { suite, browser } = await openSuite(config)
  const { addressing, observation, screenshots, concurrency } = config.agent
  const places = config.browser.poolSize * config.browser.sessionsPerBrowser
  return {
    tasks: suite.tasks,
    concurrency: Math.min(concurrency, config.llm.concurrency, browser === 'chromium' ? places : concurrency),
    async look(task) {
      const session = await suite.driver.open(task, {
        addressing,
        dialect: observation,
        ...(screenshots ? { screenshots } : {}),
        signal,
      })
      try {
        return await session.observe()
      } finally {
        await session.close()
      }
    },
    close: () => suite.close(),
  }
}

/** Tasks as their file says them, the addresses of their sites unfilled. */
async function withoutPages(config: Config): Promise<Source> {
  const { evaluation, llm } = config
  const quiet = { look: async () => undefined, concurrency: llm.concurrency, close: async () => {} }
  if (evaluation.tasks === null) {
    const { openSuite } = await import('../../evaluation/suite.ts')
    const { suite } = await openSuite(config)
    return { ...quiet, tasks: suite.tasks, close: () => suite.close() }
  }
  const { filterTasks } = await import('../../suites/filter.ts')
  const { readTasks } = await import('../../suites/task-file.ts')
  const tasks = (await readTasks(evaluation.tasks)).map(({ task }) => task)
  const ids = evaluation.ids?.split(',').map((id) => id.trim())
  return { ...quiet, tasks: filterTasks(tasks, ids ? { ids } : {}, () => false) }
}

function configFor(flags: GenerateFlags): Config {
  const { suite } = flags
  const values: Record<string, unknown> = {
    'evaluation.suite': suite,
    'evaluation.tasks': flags.tasks === undefined ? undefined : resolve(flags.tasks),
    'evaluation.ids': flags.ids,
    'evaluation.split': flags.split,
    'evaluation.episodes': flags.episodes,
    'milestones.count': flags.count,
    'run.seed': flags.seed,
  }
  const set = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : `${key}=${JSON.stringify(value)}`,
  )
  return loadConfig({
    preset:
      flags.preset ?? (suite === 'embedded' ? 'embedded' : suite === 'miniwob' ? 'miniwob' : 'webarena'),
    ...(flags.config === undefined ? {} : { file: flags.config }),
    set: [...flags.set, ...set],
  })
}
