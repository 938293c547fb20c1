/**
 * The directory of one run, and the only writer in it:
 *
 *   config.yaml            resolved configuration, reads back with --config
 *   environment.json       machine, versions, LibTorch
 *   metrics.jsonl          every TrainEvent with its time
 *   episodes/phase-N.jsonl episodes under policy N, then what learning saw in them
 *   checkpoints/phase-N/   Hugging Face layout, whole or absent; checkpoints/best points at one
 *   state.json             how far the run is
 *
 * Everything is append-only or replaced whole, so that a killed process leaves a run that can go on.
 */
import { existsSync, realpathSync } from 'node:fs'
import { access, constants, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Episode } from '../agent/episode.ts'
import { ConfigError } from '../config/errors.ts'
import { configToYaml, loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { StepLearning } from '../learn/trace.ts'
import type { EnvironmentFacts } from './environment.ts'
import { encodeEpisode, encodeLearning } from './episodes.ts'
import { RunError, systemCode } from './errors.ts'
import type { TrainEvent } from './events.ts'
import { pointAt, pointerOf, syncDirectory, writeFileAtomic } from './files.ts'
import { JsonlWriter } from './jsonl.ts'
import { INITIAL_STATE, type RunState, runState } from './state.ts'

export class RunDirectory {
  /** Absolute path. */
  readonly path: string
  readonly config: Config
  #state: RunState
  readonly #metrics: JsonlWriter
  /** What `latest` named before this run was made. */
  #before: string | undefined
  readonly #episodes = new Map<number, JsonlWriter>()

  private constructor(path: string, config: Config, state: RunState) {
    this.path = path
    this.config = config
    this.#state = state
    this.#metrics = new JsonlWriter(join(path, 'metrics.jsonl'))
  }

  /**
   * A new run in `directory`, or in a fresh folder under config.run.directory named by config.run.name or the
   * time. Nothing is written unless the place is empty and writable.
   * @throws RunError ERR_RUN_NOT_EMPTY, ERR_RUN_UNWRITABLE
   */
  static async create(config: Config, options: { directory?: string; environment?: EnvironmentFacts } = {}) {
    const path = resolve(options.directory ?? freshRunPath(config))
    await expectEmpty(path)
    await expectWritable(path)
    try {
      await makeFolders(path)
      await mkdir(join(path, 'episodes'))
      await mkdir(join(path, 'checkpoints'))
      await writeFileAtomic(join(path, 'config.yaml'), configToYaml(config))
      if (options.environment) {
        await writeFileAtomic(
          join(path, 'environment.json'),
          `${JSON.stringify(options.environment, null, 2)}\n`,
        )
      }
      await writeFileAtomic(join(path, 'state.json'), JSON.stringify(INITIAL_STATE))
    } catch (cause) {
      throw new RunError(
        'ERR_RUN_UNWRITABLE',
        `expected to write a run to ${path}, writing failed (${systemCode(cause)})`,
        { cause },
      )
    }
    const run = new RunDirectory(path, config, { ...INITIAL_STATE })
    run.#before = await pointerOf(dirname(path), 'latest')
    await pointAt(dirname(path), 'latest', basename(path))
    return run
  }

  /**
   * An existing run, to go on with. Episodes of the phase that was cut short are set aside, since it will be
   * played again.
   * @throws RunError ERR_RUN_MISSING, ERR_RUN_FORMAT
   */
  static async open(directory: string): Promise<RunDirectory> {
    const { path, config, state } = await readRun(directory)
    await expectWritable(path)
    for (const name of await readdir(join(path, 'episodes')).catch(() => [])) {
      const phase = /^phase-(\d+)\.jsonl$/.exec(name)?.[1]
      if (phase === undefined || Number(phase) <= state.completedPhase) continue
      const stem = join(path, 'episodes', `phase-${phase}`)
      let attempt = 1
      while (existsSync(`${stem}.interrupted-${attempt}.jsonl`)) attempt++
      await rename(`${stem}.jsonl`, `${stem}.interrupted-${attempt}.jsonl`)
    }
    return new RunDirectory(path, config, state)
  }

  get name(): string {
    return basename(this.path)
  }

  get state(): Readonly<RunState> {
    return this.#state
  }

  /** Appends an event to metrics.jsonl with the time. */
  record(event: TrainEvent): void {
    this.#metrics.write({ time: new Date().toISOString(), ...event })
  }

  /** Appends a finished episode to the file of its phase. */
  saveEpisode(episode: Episode): void {
    this.#episodeFile(episode.phase).write(encodeEpisode(episode))
  }

  /** Appends what learning saw in an episode saved under this phase. */
  saveLearning(phase: number, episodeId: string, steps: readonly StepLearning[]): void {
    this.#episodeFile(phase).write(encodeLearning(episodeId, steps))
  }

  checkpointPath(phase: number): string {
    return join(this.path, 'checkpoints', `phase-${phase}`)
  }

  /**
   * Lets `write` fill an empty folder, moves it into place when it has, and advances the state. A checkpoint
   * exists whole or not at all; one of the same phase is replaced.
   * @returns its absolute path
   */
  async checkpoint(phase: number, write: (directory: string) => Promise<void>): Promise<string> {
    const path = this.checkpointPath(phase)
    const aside = `${path}.partial`
    const old = `${path}.replaced`
    await rm(aside, { recursive: true, force: true })
    await mkdir(aside, { recursive: true })
    try {
      await write(aside)
      await syncDirectory(aside)
    } catch (error) {
      await rm(aside, { recursive: true, force: true })
      throw error
    }
    if (existsSync(path)) await rename(path, old)
    await rename(aside, path)
    await syncDirectory(dirname(path))
    await rm(old, { recursive: true, force: true })
    for (const file of this.#episodes.values()) file.sync()
    this.#metrics.sync()
    await this.#advance({ completedPhase: Math.max(phase, this.#state.completedPhase) })
    return path
  }

  /** Remembers the phase that validation prefers and points checkpoints/best at it. */
  async keepBest(phase: number, validation: number): Promise<void> {
    await this.#advance({ best: { phase, validation } })
    await pointAt(join(this.path, 'checkpoints'), 'best', `phase-${phase}`)
  }

  /** Takes back a run just created in which nothing has happened: a start that failed leaves no trace. */
  async discard(): Promise<void> {
    this.close()
    await rm(this.path, { recursive: true, force: true })
    const parent = dirname(this.path)
    if ((await pointerOf(parent, 'latest')) !== basename(this.path)) return
    if (this.#before === undefined) await rm(join(parent, 'latest'), { force: true })
    else await pointAt(parent, 'latest', this.#before)
  }

  async finish(): Promise<void> {
    await this.#advance({ finished: true })
  }

  /** Closes the files; idempotent. */
  close(): void {
    for (const file of this.#episodes.values()) file.close()
    this.#episodes.clear()
    this.#metrics.close()
  }

  #episodeFile(phase: number): JsonlWriter {
    let file = this.#episodes.get(phase)
    if (!file) {
      file = new JsonlWriter(join(this.path, 'episodes', `phase-${phase}.jsonl`))
      this.#episodes.set(phase, file)
    }
    return file
  }

  async #advance(change: Partial<RunState>): Promise<void> {
    this.#state = { ...this.#state, ...change }
    await writeFileAtomic(join(this.path, 'state.json'), JSON.stringify(this.#state))
  }
}

/**
 * Configuration and state of a run without opening it for writing.
 * @throws RunError ERR_RUN_MISSING when it is none, ERR_RUN_FORMAT when its files are damaged
 */
export async function readRun(directory: string): Promise<{ path: string; config: Config; state: RunState }> {
  const configFile = join(directory, 'config.yaml')
  const stateFile = join(directory, 'state.json')
  if (!existsSync(configFile) || !existsSync(stateFile)) {
    throw new RunError(
      'ERR_RUN_MISSING',
      `expected a run directory at ${directory}, it has no config.yaml and state.json`,
    )
  }
  const path = realpathSync(directory)
  try {
    const state = runState.parse(JSON.parse(await readFile(stateFile, 'utf8')))
    return { path, config: loadConfig({ file: configFile, stored: true }), state }
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause
    throw new RunError('ERR_RUN_FORMAT', `expected the state of a run in ${stateFile}, it is damaged`, {
      cause,
    })
  }
}

/** Where a new run of this configuration would be kept: by its name, or by the time. */
export function freshRunPath(config: Config): string {
  const { directory, name } = config.run
  if (name !== null) return join(directory, name)
  const stamp = new Date().toISOString().slice(0, 19).replace('T', '_').replaceAll(':', '-')
  let path = join(directory, stamp)
  for (let i = 2; existsSync(path); i++) path = join(directory, `${stamp}_${i}`)
  return path
}

async function expectEmpty(path: string): Promise<void> {
  let entries: string[]
  try {
    entries = await readdir(path)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT') return
    const what = code === 'ENOTDIR' ? 'a file stands there' : `it cannot be read (${code})`
    throw new RunError('ERR_RUN_UNWRITABLE', `expected a folder for the run at ${path}, ${what}`, {
      cause: error,
    })
  }
  if (entries.length > 0) {
    throw new RunError(
      'ERR_RUN_NOT_EMPTY',
      `expected an empty folder for the run at ${path}, it holds ${entries.length} entries; choose another or go on with --resume ${path}`,
    )
  }
}

/** One level at a time: mkdir's own `recursive` never returns on file systems that answer ENOENT, such as /proc. */
async function makeFolders(path: string): Promise<void> {
  if (existsSync(path)) return
  if (dirname(path) !== path) await makeFolders(dirname(path))
  await mkdir(path)
}

/** The nearest existing ancestor must accept new entries. */
async function expectWritable(path: string): Promise<void> {
  let existing = path
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing)
  try {
    await access(existing, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new RunError(
      'ERR_RUN_UNWRITABLE',
      `expected a writable folder for the run at ${path}, ${existing} is not (${systemCode(cause)}); choose another`,
      { cause },
    )
  }
}
