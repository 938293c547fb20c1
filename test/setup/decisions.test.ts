// How set-up decides: what makes an addon stale, which machine is good enough, what is told when one loads badly.
import { readdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clone, fakeLibTorch } from './clone.ts'

describe('a finished build', () => {
  async function built() {
    const at = clone()
    fakeLibTorch(at, 'cache/libtorch/2.13.0-cpu/torch', '2.13.0')
    at.write('build/Release/mira.node', 'binary')
    const stamp = await at.load('setup/stamp.mjs')
    const { inspect } = await at.load('setup/libtorch.mjs')
    const torch = { ...inspect(join(at.cache, 'libtorch/2.13.0-cpu')), source: 'cache' }
    stamp.record(torch, stamp.expected(torch))
    return { at, stamp, torch }
  }

  test('is left alone, silently, while nothing changes', async () => {
    const { at, stamp, torch } = await built()
    expect(stamp.whyBuild(torch)).toBeUndefined()
    rmSync(join(at.root, 'bin'), { recursive: true })
    expect(await at.node(['scripts/setup/main.mjs', '--quiet-if-ready'])).toEqual({ status: 0, text: '' })
  })

  test('is stale after a change of source, of LibTorch, of the binary, or a new file', async () => {
    const { at, stamp, torch } = await built()
    at.write('native/core/a.cpp', 'int a() { return 2; }\n')
    expect(stamp.whyBuild(torch)).toBe('native sources changed')
    at.write('native/core/a.cpp', 'int a() { return 1; }\n')
    expect(stamp.whyBuild(torch)).toBeUndefined()
    const added = at.write('native/core/b.h', '')
    expect(stamp.whyBuild(torch)).toBe('native sources changed')
    rmSync(added)
    utimesSync(join(torch.root, 'lib/libtorch_cpu.so'), 1, 1)
    expect(stamp.whyBuild(torch)).toBe('LibTorch changed')
    stamp.record(torch, stamp.expected(torch))
    at.write('build/Release/mira.node', 'another binary')
    expect(stamp.whyBuild(torch)).toBe('the addon file is another one')
    rmSync(join(at.root, 'build/Release/mira.node'))
    expect(stamp.whyBuild(torch)).toBe('the addon file is missing')
    stamp.forget()
    expect(stamp.whyBuild(torch)).toBe('there is no finished build')
  })

  test('keeps the LibTorch it was made with until LIBTORCH names another', async () => {
    const { at, stamp } = await built()
    const other = fakeLibTorch(at, 'other', '2.14.0')
    const { findWithoutPython, inspect } = await at.load('setup/libtorch.mjs')
    const torch = { ...inspect(other), source: 'LIBTORCH' }
    stamp.record(torch, stamp.expected(torch))
    const env = { MIRA_CACHE: at.cache }
    const find = (more: object) => findWithoutPython(() => {}, stamp.readStamp(), { ...env, ...more })
    expect(find({})).toMatchObject({ root: other, kept: true })
    expect(find({ LIBTORCH: join(at.cache, 'libtorch/2.13.0-cpu') })).toMatchObject({ version: '2.13.0' })
    rmSync(other, { recursive: true })
    expect(find({})).toMatchObject({ version: '2.13.0', source: 'cache' })
  })
})

describe('the cache', () => {
  test('offers the version that would be downloaded before others, and nothing unusable', async () => {
    const at = clone()
    fakeLibTorch(at, 'cache/libtorch/2.14.0-cpu/torch', '2.14.0')
    fakeLibTorch(at, 'cache/libtorch/2.13.0-cpu/torch', '2.13.0')
    fakeLibTorch(at, 'cache/libtorch/2.5.0-cpu/torch', '2.5.0')
    const { inCache } = await at.load('setup/libtorch.mjs')
    const said: string[] = []
    expect(inCache((line: string) => said.push(line), { MIRA_CACHE: at.cache })).toMatchObject({
      version: '2.13.0',
    })
    expect(said.join('\n')).toMatch(/not taken: .* is 2\.5\.0/)
    rmSync(join(at.cache, 'libtorch/2.13.0-cpu/torch/lib/libc10.so'))
    expect(inCache(() => {}, { MIRA_CACHE: at.cache })).toMatchObject({ version: '2.14.0' })
  })

  test('lies where MIRA_CACHE, then XDG_CACHE_HOME says', async () => {
    const { cacheDir } = await clone().load('setup/paths.mjs')
    expect(cacheDir({ MIRA_CACHE: '/a/b', XDG_CACHE_HOME: '/x' })).toBe('/a/b')
    expect(cacheDir({ XDG_CACHE_HOME: '/x' })).toBe('/x/mira')
    expect(cacheDir({})).toMatch(/\/\.cache\/mira$/)
  })
})

describe('the machine', () => {
  test('Node that is too old is told with both versions', async () => {
    const { checkNode } = await clone().load('setup/host.mjs')
    expect(() => checkNode('18.20.4', '9')).toThrow(/mira needs Node 20\.17\.0 or newer .* found 18\.20\.4/)
    expect(() => checkNode('22.0.0', '8')).toThrow(/Node-API 9/)
    expect(() => checkNode('22.1.0', '10')).not.toThrow()
  })

  test('too little disk space is told with both amounts', async () => {
    const { requireSpace } = await clone().load('setup/host.mjs')
    expect(() => requireSpace('/', 1e18, 'unpacking')).toThrow(
      /unpacking needs 1000000000\.0 GB free at \/, there are/,
    )
    expect(() => requireSpace('/no/such/folder', 0, 'nothing')).not.toThrow()
  })

  test('each distribution hears its own command', async () => {
    const { installCommand } = await clone().load('setup/host.mjs')
    const say = (release: string, asRoot = true) =>
      installCommand(['compiler', 'pip', 'compiler'], release, asRoot)
    expect(say('ID=debian\n')).toBe('apt-get install -y g++ python3-pip')
    expect(say('ID=ubuntu\nID_LIKE=debian\n', false)).toBe('sudo apt-get install -y g++ python3-pip')
    expect(say('ID="rocky"\nID_LIKE="rhel centos fedora"\n')).toBe('dnf install -y gcc-c++ python3-pip')
    expect(say('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n')).toBe('zypper install -y gcc-c++ python3-pip')
    expect(say('ID=arch\n')).toBe('pacman -S --noconfirm gcc python-pip')
  })

  test('versions are compared number by number', async () => {
    const { atLeast } = await clone().load('setup/host.mjs')
    const version = fc.array(fc.nat(30), { minLength: 3, maxLength: 3 })
    const value = (parts: number[]) => parts.reduce((sum, part) => sum * 1000 + part, 0)
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(atLeast(a.join('.'), b.join('.'))).toBe(value(a) >= value(b))
      }),
    )
    expect(atLeast('3.30', '3.24.1')).toBe(true)
    expect(atLeast('3.24', '3.24.1')).toBe(false)
  })
})

describe('loading in a child process', () => {
  test('a binary that kills its process, one that throws and one that is absent each get their sentence', async () => {
    const at = clone()
    const { loadInChild, checkLoaded } = await at.load('setup/smoke.mjs')
    const crash = at.write('crash.cjs', "process.kill(process.pid, 'SIGSEGV')")
    await expect(loadInChild(crash)).rejects.toMatchObject({
      code: 'E_LOAD',
      message: expect.stringMatching(/crash\.cjs crashed while loading \(SIGSEGV\)/),
    })
    const garbage = at.write('garbage.node', 'not a library')
    await expect(loadInChild(garbage)).rejects.toMatchObject({
      message: expect.stringMatching(/garbage\.node does not load: Error: .*; build it anew/),
    })
    await expect(loadInChild(join(at.root, 'none.node'))).rejects.toMatchObject({ code: 'E_LOAD' })
    const info = await loadInChild(
      at.write(
        'good.cjs',
        "exports.info = () => ({ torch: '2.13.0', libtorchPath: '/usr/lib/libtorch_cpu.so' })",
      ),
    )
    expect(() => checkLoaded(info, { root: '/usr', version: '2.13.0' })).not.toThrow()
    expect(() => checkLoaded(info, { root: '/opt/torch', version: '2.13.0' })).toThrow(
      /the loader took 2\.13\.0 at \/usr\/lib/,
    )
  })
})

describe('the lock', () => {
  test('a lock of a dead process is taken over, and released', async () => {
    const at = clone()
    at.write('build/setup.lock', '99999999')
    const { alone } = await at.load('setup/lock.mjs')
    expect(
      await alone(
        () => {},
        async () => readdirSync(join(at.root, 'build')),
      ),
    ).toEqual(['setup.lock'])
    expect(readdirSync(join(at.root, 'build'))).toEqual([])
  })

  test('two set-ups do not overlap', async () => {
    const at = clone()
    const { alone } = await at.load('setup/lock.mjs')
    const order: string[] = []
    const work = (name: string) => () =>
      alone(
        () => {},
        async () => {
          order.push(`${name} in`)
          await new Promise((go) => setTimeout(go, 50))
          order.push(`${name} out`)
        },
      )
    await Promise.all([work('a')(), work('b')()])
    expect(order.map((entry) => entry.split(' ')[1])).toEqual(['in', 'out', 'in', 'out'])
  })
})
