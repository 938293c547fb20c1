// The way of a wheel into the cache, with a pip that delivers a small one: unpacked aside, then renamed; what an
// interrupted run left is never taken; CUDA builds ask for what they lack.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { clone, fakeLibTorch } from './clone.ts'

const realCMake = execFileSync('sh', ['-c', 'command -v cmake || true'], { encoding: 'utf8' }).trim()

test.skipIf(!realCMake)(
  'a downloaded wheel is unpacked into the cache; leftovers of dead runs go',
  async () => {
    const at = clone()
    fakeLibTorch(at, 'site/torch', '2.13.0', {
      'version.py': "__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\n",
    })
    const wheel = join(at.root, 'torch-2.13.0-cp311-cp311-linux_x86_64.whl')
    execFileSync(realCMake, ['-E', 'tar', 'cf', wheel, '--format=zip', 'torch'], {
      cwd: join(at.root, 'site'),
    })
    at.stub(
      'python3',
      `case "$*" in
  --version) echo "Python 3.11.2" ;;
  *"pip --version") echo "pip 23.0 from here" ;;
  *"pip download"*)
    while [ "$1" != --dest ]; do shift; done
    /bin/mkdir -p "$2" && /bin/cp "${wheel}" "$2/" ;;
  *) echo null ;;
esac`,
    )
    at.stub(
      'cmake',
      `if [ "$1" = -E ]; then exec "${realCMake}" "$@"; fi\n[ "$1" = --version ] && echo "cmake version 3.30.0" || exit 1`,
    )
    // Process ids end below 2^22: nobody has this one.
    const dead = fakeLibTorch(at, 'cache/libtorch/.incoming-99999999-x/unpacked/torch', '2.13.0')

    const { text } = await at.node(['scripts/setup/main.mjs'], { MIRA_TORCH_INDEX: '' })
    expect(text).toMatch(/not in the cache/)
    expect(text).toMatch(/taken: 2\.13\.0 \(cpu\) at .*2\.13\.0-cpu\/torch, from download/)
    expect(existsSync(dead)).toBe(false)
    expect(readdirSync(join(at.cache, 'libtorch'))).toEqual(['2.13.0-cpu'])

    const again = await at.node(['scripts/setup/main.mjs'])
    expect(again.text).toMatch(/taken: 2\.13\.0 .* from cache/)
  },
)

test('what NVIDIA wheels a CUDA build is given', async () => {
  const { nvidiaRequirements } = await clone().load('setup/download.mjs')
  const metadata = [
    'Requires-Dist: filelock',
    'Requires-Dist: cuda-toolkit[cublas,cudart,cupti]==13.0.3; platform_system == "Linux"',
    'Requires-Dist: nvidia-cudnn-cu13==9.24.0.43; platform_system == "Linux"',
    'Requires-Dist: nvidia-cuda-runtime-cu12 (==12.8.90) ; platform_system == "Linux"',
    'Requires-Dist: triton~=3.8.0',
  ].join('\n')
  expect(nvidiaRequirements(metadata, false)).toEqual([
    'cuda-toolkit[cudart,cupti]==13.0.3',
    'nvidia-cuda-runtime-cu12==12.8.90',
  ])
  expect(nvidiaRequirements(metadata, true)).toEqual([
    'cuda-toolkit[cublas,cudart,cupti]==13.0.3',
    'nvidia-cudnn-cu13==9.24.0.43',
    'nvidia-cuda-runtime-cu12==12.8.90',
  ])
})

test('an installed Python torch is taken before anything is downloaded, pip or not', async () => {
  const at = clone()
  const torch = fakeLibTorch(at, 'site/torch', '2.12.1', { '__init__.py': '' })
  at.stub(
    'python3',
    `case "$*" in --version) echo "Python 3.12.0" ;; *pip*) exit 1 ;; *) echo '"${torch}/__init__.py"' ;; esac`,
  )
  const { text } = await at.node(['scripts/setup/main.mjs'])
  expect(text).toMatch(/taken: 2\.12\.1 \(cpu\) at .*site\/torch, from python/)
})

test('LIBTORCH goes before the cache, and may be reached through a link or name the folder above', async () => {
  const at = clone()
  fakeLibTorch(at, 'cache/libtorch/2.13.0-cpu/torch', '2.13.0')
  fakeLibTorch(at, 'own/torch', '2.14.0', { 'build-version': '2.14.0+cu130\n', 'lib/libtorch_cuda.so': '' })
  symlinkSync(join(at.root, 'own'), join(at.root, 'link'))
  const { text } = await at.node(['scripts/setup/main.mjs'], { LIBTORCH: join(at.root, 'link') })
  expect(text).toMatch(/taken: 2\.14\.0 \(cu130\) at .*own\/torch, from LIBTORCH/)
})
