/** Writes the figures of an evaluation's folder as it stands: result.json and result.md. */
import { join } from 'node:path'
import { writeFileAtomic } from '../run/files.ts'
import { readEvaluation } from './folder.ts'
import { resultMarkdown } from './markdown.ts'
import { type EvaluationResult, resultOf } from './result.ts'

export async function writeResult(directory: string): Promise<EvaluationResult> {
  const result = resultOf(await readEvaluation(directory))
  await writeFileAtomic(join(directory, 'result.json'), `${JSON.stringify(result, null, 2)}\n`)
  await writeFileAtomic(join(directory, 'result.md'), resultMarkdown(result))
  return result
}
