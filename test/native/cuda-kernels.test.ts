/**
 * The CUDA kernels without a GPU: native/kernels/cuda is compiled as plain C++ over an emulation of blocks and warps
 * and compared with float64, bit for bit with the CPU where the kernels promise that, in several orders of threads.
 * The comparisons are C++ (test/native/cuda-emulation); here each printed case is judged.
 */
import { execFile, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'

interface Case {
  kernel: string
  what: string
  found: number
  bound: number
}

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
const folder = resolve(root, process.env.MIRA_EMULATED_BUILD ?? 'build-emulated')
const runs = (program: string) => spawnSync(program, ['--version'], { timeout: 60_000 }).status === 0
const cmake = runs('cmake')
const BUILD_MS = 20 * 60_000
const RUN_MS = 10 * 60_000

/** What this file's tests run: every group names itself in its C++ file. */
const GROUPS = [
  'emulator',
  'rms_norm',
  'qk_norm_rope',
  'geglu',
  'logprob_rows',
  'sampler',
  'adamw',
  'reductions',
  'exact',
] as const

async function cases(group: string): Promise<Case[]> {
  const { stdout } = await run(join(folder, 'cuda_emulated'), [group], {
    timeout: RUN_MS,
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Case)
}

describe.skipIf(!cmake)('CUDA kernels, emulated (needs CMake and a C++ compiler)', () => {
  beforeAll(async () => {
    const options = { timeout: BUILD_MS, maxBuffer: 64 * 1024 * 1024 }
    const configure = ['-S', root, '-B', folder, '-DMIRA_EMULATED_TESTS=ON', '-DMIRA_CCACHE=ON']
    await run('cmake', [...configure, ...(runs('ninja') ? ['-G', 'Ninja'] : [])], options)
    await run('cmake', ['--build', folder, '--parallel', String(availableParallelism())], options)
  }, 2 * BUILD_MS)

  test.each(GROUPS)(
    '%s',
    async (group) => {
      const all = await cases(group)
      expect(all.length, 'cases').toBeGreaterThan(4)
      const failed = all.filter(({ found, bound }) => !(found <= bound))
      expect(
        failed.map(({ kernel, what, found, bound }) => `${kernel}, ${what}: ${found} is not within ${bound}`),
      ).toEqual([])
    },
    RUN_MS,
  )

  test('every group of the program is judged here', async () => {
    const { stdout } = await run(join(folder, 'cuda_emulated'), ['--list'], { timeout: RUN_MS })
    const known = new Set<string>(GROUPS)
    expect(stdout.split('\n').filter((name) => name && !known.has(name))).toEqual([])
  })
})
