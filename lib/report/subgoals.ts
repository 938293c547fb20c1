/** The validation of milestones that `mira subgoals validate` left in a folder, for its report. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type MilestoneStudy, milestoneStudy } from '../analysis/validation-study.ts'
import { RunError } from '../run/errors.ts'

/** @throws RunError ERR_RUN_FORMAT when the file is another's */
export async function readStudy(directory: string): Promise<MilestoneStudy | undefined> {
  const path = join(directory, 'subgoals.json')
  if (!existsSync(path)) return undefined
  try {
    return milestoneStudy.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw new RunError(
      'ERR_RUN_FORMAT',
      `expected a validation of milestones of this version in ${path}, it is another or damaged; write it anew with mira subgoals validate`,
      { cause },
    )
  }
}
