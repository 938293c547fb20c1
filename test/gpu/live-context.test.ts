// A process that leaves in the middle of its first training steps, or ends workers in theirs, dies of nothing: the
// GPU host's probe of bench/gpu/checks, on the CPU.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addonPath } from '../../lib/native/loader.ts'
import { root } from '../house/tree.ts'

const program = join(root, 'bench/gpu/checks/live-context.mjs')

test.each([
  ['exit', 7],
  ['terminate', 0],
])(
  '%s: exit status %d, no signal',
  (mode, status) => {
    const child = spawnSync(process.execPath, [program, mode, 'cpu', addonPath()], {
      encoding: 'utf8',
      timeout: 110_000,
      killSignal: 'SIGKILL',
    })
    expect(child.stderr).toBe('')
    expect({ status: child.status, signal: child.signal }).toEqual({ status, signal: null })
  },
  120_000,
)
