// Set-up on machines that lack something: one sentence that names the thing and the command that installs it, exit
// status 3, nothing half-done.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Clone, clone, fakeLibTorch } from './clone.ts'

const setup = (at: Clone, env?: Record<string, string>) => at.node(['scripts/setup/main.mjs'], env)
const without = (at: Clone, ...names: string[]) => {
  for (const name of names) rmSync(join(at.root, 'bin', name))
}
const INSTALL = /install with: (sudo )?(apt-get install -y|dnf install -y|zypper install -y|pacman -S)/

describe('missing tools', () => {
  test('a C++ compiler', async () => {
    const at = clone()
    without(at, 'g++')
    const { status, text } = await setup(at)
    expect(status).toBe(3)
    expect(text).toMatch(/^E_TOOLCHAIN: the set-up needs a C\+\+ compiler; install with/m)
    expect(text).toMatch(INSTALL)
  })

  test('a compiler that is too old for C++20 is named with what it says', async () => {
    const at = clone()
    at.stub('g++', 'echo "g++: error: unrecognized option -std=c++20"; exit 1')
    const { status, text } = await setup(at)
    expect(status).toBe(3)
    expect(text).toMatch(
      /E_TOOLCHAIN: the set-up needs a compiler that takes C\+\+20 \(.*g\+\+ says: .*unrecognized option/,
    )
  })

  test('CMake, absent or too old', async () => {
    const at = clone()
    at.stub('cmake', 'echo "cmake version 3.10.2"')
    expect((await setup(at)).text).toMatch(
      /E_TOOLCHAIN: the set-up needs CMake [\d.]+ or newer \(.*cmake is 3\.10\.2\)/,
    )
    without(at, 'cmake')
    expect((await setup(at)).text).toMatch(/E_TOOLCHAIN: the set-up needs CMake; install with: .*cmake/)
  })

  test('several things are named together, with one command', async () => {
    const at = clone()
    without(at, 'g++', 'cmake', 'python3')
    const { status, text } = await setup(at)
    expect(status).toBe(3)
    expect(text).toMatch(/needs a C\+\+ compiler, CMake and Python 3; install with: \S.*/)
    expect(text.match(/install with/g)).toHaveLength(1)
  })

  test('Python and pip, but only when LibTorch has to be downloaded', async () => {
    const at = clone()
    at.stub(
      'python3',
      'if [ "$1" = --version ]; then echo "Python 3.11.2"; else echo "No module named pip"; exit 1; fi',
    )
    const { status, text } = await setup(at)
    expect(status).toBe(3)
    expect(text).toMatch(/^E_PYTHON: the set-up needs pip for .*python3; install with: .*pip/m)
    without(at, 'python3')
    expect((await setup(at)).text).toMatch(/^E_PYTHON: the set-up needs Python 3; install with: .*python/m)
    fakeLibTorch(at, 'cache/libtorch/2.13.0-cpu/torch', '2.13.0')
    expect((await setup(at)).text).not.toContain('E_PYTHON')
  })
})

describe('LibTorch', () => {
  test('LIBTORCH that is no LibTorch, and one of another version', async () => {
    const at = clone()
    const empty = await setup(at, { LIBTORCH: at.root })
    expect(empty.status).toBe(3)
    expect(empty.text).toMatch(/^E_LIBTORCH_MISSING: LIBTORCH is set to .* holds no share\/cmake/m)
    const old = await setup(at, { LIBTORCH: fakeLibTorch(at, 'old', '1.13.1') })
    expect(old.text).toMatch(/^E_LIBTORCH_OLD: .* is 1\.13\.1, supported are 2\.11 to 2\.14/m)
  })

  test('a failing index is followed by the default one; a failing download leaves the cache as it was', async () => {
    const at = clone()
    const { status, text } = await setup(at, { MIRA_TORCH_INDEX: 'https://index.invalid/cpu' })
    expect(status).toBe(3)
    expect(text).toMatch(
      /^E_LIBTORCH_MISSING: no LibTorch found, and pip could not download torch==2\.13\.0; /m,
    )
    expect(text).toContain('no route to host')
    const [first, second] = readFileSync(join(at.root, 'pip.log'), 'utf8').trim().split('\n')
    expect(first).toMatch(
      /torch==2\.13\.0 .*--no-deps.*--index-url https:\/\/index\.invalid\/cpu --timeout 10 --retries 0/,
    )
    expect(second).toContain('torch==2.13.0')
    expect(second).not.toContain('--index-url')
    expect(readdirSync(join(at.cache, 'libtorch'))).toEqual([])
  })

  test('an empty MIRA_TORCH_INDEX asks only the default index', async () => {
    const at = clone()
    await setup(at, { MIRA_TORCH_INDEX: '' })
    expect(readFileSync(join(at.root, 'pip.log'), 'utf8').trim().split('\n')).toHaveLength(1)
  })
})

describe('places that cannot be written', () => {
  test('the cache', async () => {
    const { status, text } = await setup(clone(), { MIRA_CACHE: '/dev/null/cache' })
    expect(status).toBe(3)
    expect(text).toMatch(/^E_WRITE: cannot write to the cache .*; set MIRA_CACHE/m)
  })

  test('the clone', async () => {
    const at = clone()
    at.write('build', 'a file where the build folder should be')
    const { status, text } = await setup(at)
    expect(status).toBe(3)
    expect(text).toMatch(/^E_WRITE: cannot write to .*build/m)
  })
})

test('a build that fails shows the end of its log and names the log; nothing counts as built', async () => {
  const at = clone()
  fakeLibTorch(at, 'cache/libtorch/2.13.0-cpu/torch', '2.13.0')
  const { status, text } = await setup(at)
  expect(status).toBe(3)
  expect(text).toContain('stub: configure refused')
  expect(text).toMatch(/^E_BUILD: building the addon failed; the whole log is build\/setup\.log; /m)
  expect(readFileSync(join(at.root, 'build/setup.log'), 'utf8')).toContain('stub: configure refused')
  expect(existsSync(join(at.root, 'build/setup.json'))).toBe(false)
  expect(existsSync(join(at.root, 'build/setup.lock'))).toBe(false)
})

test('npm that fails is told with what it said', async () => {
  const at = clone({ modules: false })
  fakeLibTorch(at, 'cache/libtorch/2.13.0-cpu/torch', '2.13.0')
  at.stub('npm', 'echo "npm error network unreachable"; exit 1')
  const { status, text } = await setup(at)
  expect(status).toBe(3)
  expect(text).toContain('network unreachable')
  expect(text).toMatch(/^E_DEPENDENCIES: npm ci failed in .*; check the network/m)
})

test('an unknown option is an error that lists the known ones', async () => {
  const { status, text } = await clone().node(['scripts/setup/main.mjs', '--forse'])
  expect(status).toBe(2)
  expect(text).toMatch(/unknown option --forse[\s\S]*--force/)
})
