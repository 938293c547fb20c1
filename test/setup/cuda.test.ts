// How set-up decides about CUDA: when the addon gets its CUDA half, what a missing or wrong nvcc is told, and what the
// CUDA build of CI says where it cannot run.
import { expect, test } from 'vitest'
import { clone, fakeLibTorch } from './clone.ts'

const CUDA = { 'build-version': '2.14.0+cu130\n', 'lib/libtorch_cuda.so': '', 'lib/libc10_cuda.so': '' }

/** A clone with a CUDA LibTorch and an nvcc of `release`, on a machine that says what it says about its GPU. */
function withCuda(release: string) {
  const at = clone()
  const torch = fakeLibTorch(at, 'torch', '2.14.0', CUDA)
  at.stub('nvcc', `echo "Cuda compilation tools, release ${release}, V${release}.1"`)
  return { at, torch, nvcc: `${at.root}/bin/nvcc` }
}

test('MIRA_CUDA says whether the CUDA half is built; otherwise a GPU does', async () => {
  const { at, torch } = withCuda('13.0')
  const { wantsCuda, hasGpu } = await at.load('setup/host.mjs')
  expect([wantsCuda({ MIRA_CUDA: '1' }), wantsCuda({ MIRA_CUDA: '0' }), wantsCuda({})]).toEqual([
    true,
    false,
    hasGpu(),
  ])
  const { inspect } = await at.load('setup/libtorch.mjs')
  expect(inspect(torch).variant).toBe('cu130')
})

test('an nvcc that is absent, or of another CUDA than LibTorch, is told before anything is built', async () => {
  const { at, torch } = withCuda('12.4')
  const env = { LIBTORCH: torch, MIRA_CUDA: '1' }
  const setUp = (more: object) => at.node(['scripts/setup/main.mjs', '--build-only'], { ...env, ...more })
  const absent = await setUp({ CUDACXX: '/nowhere/nvcc' })
  expect(absent.status).toBe(3)
  expect(absent.text).toMatch(
    /E_CUDA_NVCC: LibTorch at .*torch is a CUDA build, and there is no CUDA compiler at CUDACXX=\/nowhere\/nvcc; install the CUDA 13 toolkit or set CUDACXX, or build for the CPU alone with: MIRA_CUDA=0/,
  )
  const other = await setUp({ CUDACXX: `${at.root}/bin/nvcc` })
  expect(other.status).toBe(3)
  expect(other.text).toMatch(/E_CUDA_VERSION: LibTorch at .* was built with CUDA 13, and .*nvcc is of 12\.4/)
  const alone = await setUp({ MIRA_CUDA: '0', CUDACXX: '/nowhere/nvcc' })
  expect(alone.text).toMatch(/E_BUILD/)
  expect(alone.text).not.toMatch(/E_CUDA/)
})

test('the CUDA build of CI says in one line why it does not run, and fails when it runs and breaks', async () => {
  const { at, torch, nvcc } = withCuda('13.0')
  const build = (env: Record<string, string>) => at.node(['scripts/setup/cuda-build.mjs'], env)
  const none = await build({ CUDACXX: nvcc })
  expect(none).toMatchObject({ status: 0 })
  expect(none.text).toMatch(
    /^CUDA build: skipped, no CUDA LibTorch: LIBTORCH_CUDA is not set and .* holds none\n$/,
  )
  const cpu = fakeLibTorch(at, 'cpu', '2.14.0', { 'build-version': '2.14.0+cpu\n' })
  expect((await build({ LIBTORCH_CUDA: cpu })).text).toBe(
    'CUDA build: skipped, LIBTORCH_CUDA names a cpu build\n',
  )
  expect((await build({ LIBTORCH_CUDA: torch, CUDACXX: '/nowhere/nvcc' })).text).toBe(
    'CUDA build: skipped, no CUDA compiler at CUDACXX=/nowhere/nvcc\n',
  )
  const broken = await build({ LIBTORCH_CUDA: torch, CUDACXX: nvcc })
  expect(broken.status).toBe(1)
  expect(broken.text).toMatch(/stub: configure refused\nCUDA build: configuring failed\n$/)
})
