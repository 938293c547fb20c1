/**
 * The folder of one evaluation, and the only writer in it:
 *
 *   evaluation.json   what is played and with what: written once
 *   config.yaml       resolved configuration
 *   tasks.jsonl       the tasks, one per line, in the order of the items' index
 *   episodes.jsonl    one line per finished item, on the disk before the next is counted; later lines replace earlier
 *   errors/KEY/       what a browser left behind when it failed
 *   screenshots/KEY/  pictures of the steps, where asked for
 *   result.json, result.md, report.html
 *
 * A killed process leaves a folder that can go on.
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { configToYaml, loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { decodeLine, encodeEpisode } from '../run/episodes.ts'
import { RunError, systemCode } from '../run/errors.ts'
import { writeFileAtomic } from '../run/files.ts'
import { JsonlWriter, readJsonl } from '../run/jsonl.ts'
import { type Task, task as taskSchema } from '../tasks/task.ts'
import type { CrashEvidence } from '../web/errors.ts'
import { type ItemError, type ItemRecord, withoutPrompts } from './item.ts'
import { type Provenance, provenanceSchema } from './provenance.ts'

export interface EvaluationContents {
  /** Absolute path. */
  path: string
  provenance: Provenance
  config: Config
  tasks: Task[]
  /** By key, the last line of each. */
  records: Map<string, ItemRecord>
}

export class EvaluationFolder {
  readonly path: string
  readonly #episodes: JsonlWriter

  private constructor(path: string) {
    this.path = path
    this.#episodes = new JsonlWriter(join(path, 'episodes.jsonl'))
  }

  /** @throws RunError ERR_RUN_NOT_EMPTY, ERR_RUN_UNWRITABLE */
  static async create(
    directory: string,
    contents: Pick<EvaluationContents, 'provenance' | 'config' | 'tasks'>,
  ): Promise<EvaluationFolder> {
    const path = resolve(directory)
    const held = await readdir(path).catch(() => [])
    if (held.length > 0) {
      throw new RunError(
        'ERR_RUN_NOT_EMPTY',
        `--out: expected an empty folder, ${path} holds ${held.length} entries; choose another or go on with --resume ${path}`,
      )
    }
    try {
      await mkdir(path, { recursive: true })
      const lines = contents.tasks.map((task) => `${JSON.stringify(task)}\n`)
      await writeFileAtomic(join(path, 'tasks.jsonl'), lines.join(''))
      await writeFileAtomic(join(path, 'config.yaml'), configToYaml(contents.config))
      // Last: a folder with this file is complete.
      await writeFileAtomic(join(path, 'evaluation.json'), json(contents.provenance))
    } catch (cause) {
      throw new RunError(
        'ERR_RUN_UNWRITABLE',
        `expected to write an evaluation to ${path}, writing failed (${systemCode(cause)}); choose another folder`,
        { cause },
      )
    }
    return new EvaluationFolder(path)
  }

  static open(path: string): EvaluationFolder {
    return new EvaluationFolder(resolve(path))
  }

  /** Returns once the disk has it. */
  async save(record: ItemRecord): Promise<void> {
    if (record.kind === 'episode') await this.#saveScreenshots(record)
    this.#episodes.write(encodeRecord(withoutPrompts(record)))
    this.#episodes.sync()
  }

  /** Writes what a failing browser left behind and says where, relative to the folder. */
  async saveEvidence(key: string, evidence: CrashEvidence | undefined, stack: string): Promise<string[]> {
    const folder = join('errors', key)
    const files: [string, string | Uint8Array][] = [['error.txt', `${stack}\n`]]
    if (evidence?.console?.length) files.push(['console.txt', `${evidence.console.join('\n')}\n`])
    if (evidence?.stderr?.length) files.push(['stderr.txt', `${evidence.stderr.join('\n')}\n`])
    if (evidence?.screenshot) files.push(['screenshot.png', evidence.screenshot])
    await mkdir(join(this.path, folder), { recursive: true })
    for (const [name, content] of files) await writeFile(join(this.path, folder, name), content)
    return files.map(([name]) => `${folder}/${name}`)
  }

  close(): void {
    this.#episodes.close()
  }

  async #saveScreenshots({ key, episode }: ItemRecord & { kind: 'episode' }): Promise<void> {
    const folder = join(this.path, 'screenshots', key)
    for (const [i, { screenshot }] of episode.steps.entries()) {
      if (!screenshot) continue
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, `${String(i).padStart(2, '0')}.png`), screenshot)
    }
  }
}

/**
 * Reads an evaluation without changing it.
 * @throws RunError ERR_RUN_MISSING when it is none, ERR_RUN_FORMAT when a file of it is damaged
 */
export async function readEvaluation(directory: string): Promise<EvaluationContents> {
  const path = resolve(directory)
  const file = join(path, 'evaluation.json')
  if (!existsSync(file)) {
    throw new RunError(
      'ERR_RUN_MISSING',
      `expected the folder of an evaluation, ${path} has no evaluation.json`,
    )
  }
  let provenance: Provenance
  try {
    provenance = provenanceSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    throw new RunError(
      'ERR_RUN_FORMAT',
      `expected an evaluation of this version in ${file}, it is another or damaged`,
      {
        cause,
      },
    )
  }
  const config = loadConfig({ file: join(path, 'config.yaml'), stored: true })
  const tasks: Task[] = []
  for await (const value of readJsonl(join(path, 'tasks.jsonl'), { strict: true })) {
    const parsed = taskSchema.safeParse(value)
    if (!parsed.success) {
      const issue = parsed.error.issues[0]
      throw new RunError(
        'ERR_RUN_FORMAT',
        `${join(path, 'tasks.jsonl')} line ${tasks.length + 1}: ${issue?.path.join('.')} is wrong (${issue?.message})`,
        { cause: parsed.error },
      )
    }
    tasks.push(parsed.data)
  }
  return { path, provenance, config, tasks, records: await readRecords(path) }
}

async function readRecords(path: string): Promise<Map<string, ItemRecord>> {
  const source = join(path, 'episodes.jsonl')
  const records = new Map<string, ItemRecord>()
  for await (const value of readJsonl(source)) {
    const record = decodeRecord(value, source)
    records.set(record.key, record)
  }
  return records
}

function encodeRecord(record: ItemRecord): object {
  if (record.kind === 'error') return record
  const { key, retried, episode } = record
  return { key, ...(retried === undefined ? {} : { retried }), ...encodeEpisode(episode) }
}

function decodeRecord(value: unknown, source: string): ItemRecord {
  const { key, kind, retried, error } = value as Partial<Record<string, unknown>>
  if (typeof key !== 'string') {
    throw new RunError(
      'ERR_RUN_FORMAT',
      `${source}: expected lines with a key, received ${JSON.stringify(value).slice(0, 80)}`,
    )
  }
  if (kind === 'error') return { kind, key, error: error as ItemError }
  const line = decodeLine(value, source)
  if (line.kind !== 'episode')
    throw new RunError('ERR_RUN_FORMAT', `${source}: expected episodes, received ${line.kind}`)
  return { kind: 'episode', key, episode: line.episode, ...(typeof retried === 'string' ? { retried } : {}) }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
