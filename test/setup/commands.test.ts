// The commands around set-up: doctor tells and changes nothing, the bin shim works before packages are there,
// dependencies are compared by content, a CI run ends with a true count.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { clone } from './clone.ts'

test('doctor on a bare clone: every fact, what is missing, exit status 3, nothing written', async () => {
  const at = clone({ modules: false })
  const { status, text } = await at.node(['scripts/doctor.mjs', '--json'])
  expect(status).toBe(3)
  const report = JSON.parse(text)
  const fact = (name: string) => report.facts.find((entry: { name: string }) => entry.name === name)
  expect(report.ready).toBe(false)
  expect(fact('node').value).toContain(process.versions.node)
  expect(fact('dependencies').problem.code).toBe('E_DEPENDENCIES')
  expect(fact('libtorch meant').problem.code).toBe('E_LIBTORCH_MISSING')
  expect(fact('addon').problem.code).toBe('E_LOAD')
  expect(fact('compiler').value).toBe('g++ (stub) 14.1.0')
  expect(existsSync(join(at.root, 'build'))).toBe(false)
  expect(existsSync(at.cache)).toBe(false)
  const plain = await at.node(['scripts/doctor.mjs'])
  expect(plain.text).toMatch(/not ready: npm run setup\n$/)
})

test('mira without packages says what to type; mira setup and mira doctor work all the same', async () => {
  const at = clone({ modules: false })
  const train = await at.node(['scripts/mira.mjs', 'train'])
  expect(train).toEqual({
    status: 3,
    text: "E_DEPENDENCIES: mira's packages are not installed; run: npm run setup\n",
  })
  expect((await at.node(['scripts/mira.mjs', 'setup', '--help'])).text).toContain('--quiet-if-ready')
  expect((await at.node(['scripts/mira.mjs', 'doctor'])).status).toBe(3)
})

test('node_modules is compared with the lock file by content', async () => {
  const at = clone({ modules: false })
  const { dependenciesReady } = await at.load('setup/dependencies.mjs')
  expect(dependenciesReady()).toBe(false)
  const lock = {
    packages: {
      '': { name: 'x' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '2.0.0', optional: true },
    },
  }
  const installed = (version: string) =>
    at.write(
      'node_modules/.package-lock.json',
      JSON.stringify({ packages: { 'node_modules/a': { version } } }),
    )
  at.write('package-lock.json', JSON.stringify(lock))
  installed('0.9.0')
  expect(dependenciesReady()).toBe(false)
  installed('1.0.0')
  expect(dependenciesReady()).toBe(true)
  expect(dependenciesReady()).toBe(true)
  at.write('package-lock.json', JSON.stringify({ packages: { 'node_modules/a': { version: '1.1.0' } } }))
  expect(dependenciesReady()).toBe(false)
})

test('the last line of a CI run counts what failed, whatever way it failed', async () => {
  const at = clone({ modules: false })
  const file = (status: string, ...tests: string[]) => ({
    name: 'x.test.ts',
    status,
    assertionResults: tests.map((state) => ({ status: state })),
  })
  const count = async (results: object[] | undefined, testStatus: number, checkStatus: number, cuda = 0) => {
    mkdirSync(join(at.root, 'build'), { recursive: true })
    if (results) at.write('build/r.json', JSON.stringify({ testResults: results }))
    const { status, text } = await at.node([
      'scripts/count-results.mjs',
      results ? 'build/r.json' : 'none.json',
      String(testStatus),
      String(checkStatus),
      String(cuda),
    ])
    return `${status}: ${text.trimEnd().split('\n').at(-1)}`
  }
  expect(await count([file('passed', 'passed', 'pending', 'todo')], 0, 0)).toBe(
    '0: 1 passed, 0 failed, 2 skipped',
  )
  expect(await count([file('failed', 'passed', 'failed')], 1, 0)).toBe('1: 1 passed, 1 failed, 0 skipped')
  expect(await count([file('passed', 'passed'), file('failed')], 1, 0)).toBe(
    '1: 1 passed, 1 failed, 0 skipped',
  )
  expect(await count([file('passed', 'passed')], 1, 0)).toBe('1: 1 passed, 1 failed, 0 skipped')
  expect(await count([file('passed', 'passed')], 0, 1)).toBe('1: 1 passed, 1 failed, 0 skipped')
  expect(await count([file('passed', 'passed')], 0, 0, 1)).toBe('1: 1 passed, 1 failed, 0 skipped')
  expect(await count(undefined, 0, 0)).toBe('1: 0 passed, 0 failed, 0 skipped')
})

test('npm install never builds: no install script, and npm is told to ignore binding.gyp', () => {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'))
  expect(manifest.gypfile).toBe(false)
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare']
  expect(hooks.filter((name) => name in manifest.scripts)).toEqual([])
})
