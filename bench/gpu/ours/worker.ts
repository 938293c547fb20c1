/**
 * mira's side of one GPU benchmark job, in a process of its own: reads a Job as JSON from standard input and prints
 * one entry per line as soon as it is measured. Measures through the public classes, JavaScript included.
 * Run: echo '{...}' | node --import tsx bench/gpu/ours/worker.ts
 */
import { readFileSync } from 'node:fs'
import type { Job } from '../jobs.ts'
import type { Emit } from '../record.ts'
import { generate } from './generate.ts'
import { train } from './train.ts'

const emit: Emit = (entry) => process.stdout.write(`${JSON.stringify({ side: 'mira', ...entry })}\n`)

const job = JSON.parse(readFileSync(0, 'utf8')) as Job
if (job.kind === 'train') await train(job, emit)
else await generate(job, emit)
