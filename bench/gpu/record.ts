/**
 * What a GPU run leaves behind: one JSON line per figure or check, appended the moment it exists, so that a run cut
 * off at its time limit keeps what it had. Reads such files back; draws no conclusions.
 */
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'

export const entrySchema = z.strictObject({
  stage: z.enum(['host', 'probe', 'correctness', 'bench']),
  /** What was measured or checked; measurements of one name by two sides make a ratio. */
  name: z.string().min(1),
  side: z.enum(['mira', 'hf']).optional(),
  /** Of a check: whether it held. Measurements have none. */
  ok: z.boolean().optional(),
  /** Units are in the names: tokensPerSecond, peakBytes, stepSeconds. */
  figures: z.record(z.string(), z.number()).default({}),
  /** Settings behind the figures, or why there are none. */
  note: z.string().optional(),
  /** Why nothing came of it; the figures that did come are kept. */
  failed: z.string().optional(),
  /** Time by kernel or operation, longest first. */
  profile: z.array(z.strictObject({ name: z.string(), seconds: z.number(), calls: z.number() })).optional(),
})
export type Entry = z.output<typeof entrySchema>
export type Emit = (entry: z.input<typeof entrySchema>) => void

/** The parsed line, or undefined when it is no entry (a library's chatter on standard output). */
export function parseLine(line: string): Entry | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return entrySchema.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}

/** Entries of JSONL files in order; a later entry of one stage, name and side replaces an earlier one. */
export function readEntries(paths: readonly string[]): Entry[] {
  const latest = new Map<string, Entry>()
  for (const path of paths) {
    if (!existsSync(path)) continue
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const entry = parseLine(line)
      if (entry) latest.set(`${entry.stage}\0${entry.side ?? ''}\0${entry.name}`, entry)
    }
  }
  return [...latest.values()]
}

/** Appends to `path` and keeps a copy of the whole file in `mirror` when one is given. */
export function recorder(path: string, mirror?: string): Emit {
  mkdirSync(dirname(path), { recursive: true })
  return (entry) => {
    appendFileSync(path, `${JSON.stringify(entrySchema.parse(entry))}\n`)
    if (mirror && mirror !== dirname(path)) copyFileSync(path, join(mirror, basename(path)))
  }
}
