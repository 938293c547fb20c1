// What travels to a GPU host: the choice of packages and files, the size of what was packed, and how the entry command
// answers a host that lacks something. Packing itself takes minutes and is not done here.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseOptions } from '../../bench/gpu/options.ts'
// @ts-expect-error plain JavaScript, since it runs before anything is installed
import * as contents from '../../scripts/gpu/contents.mjs'
import { root } from '../house/tree.ts'

const { filesBelow, isDeadWeight, isSource, LIMIT, runtimePackages, SOURCES } = contents
const folder = mkdtempSync(join(tmpdir(), 'mira-pack-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('packages', () => {
  const lock = {
    packages: {
      '': { dependencies: { a: '1', 'cmake-js': '1' } },
      'node_modules/a': { dependencies: { b: '1' }, optionalDependencies: { 'b-win': '1' } },
      'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
      'node_modules/b': {},
      'node_modules/c': {},
      'node_modules/cmake-js': { dependencies: { d: '1' } },
      'node_modules/d': {},
    },
  }
  test('the closure of the dependencies by Node’s resolution, without what only installs', () => {
    expect(runtimePackages(lock, (path: string) => !path.includes('win'))).toEqual([
      'node_modules/a',
      'node_modules/a/node_modules/b',
      'node_modules/c',
    ])
  })
  test('a dependency that is not installed is named', () => {
    expect(() => runtimePackages(lock, (path: string) => path !== 'node_modules/c')).toThrow(/lacks c/)
  })
  test('this repository’s: what the program imports is among them, development tools are not', () => {
    const own = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
    const found: string[] = runtimePackages(own, (path: string) => existsSync(join(root, path)))
    for (const name of ['tsx', 'esbuild', 'zod', 'node-addon-api', 'node-api-headers', 'hono'])
      expect(found).toContain(`node_modules/${name}`)
    for (const name of ['vitest', 'typescript', '@biomejs/biome', 'cmake-js'])
      expect(found).not.toContain(`node_modules/${name}`)
  })
})

test('types, maps and documentation stay behind, code and data travel', () => {
  for (const path of ['a/index.d.ts', 'a/x.js.map', 'a/README.md', 'zod/src/index.ts'])
    expect(isDeadWeight(path)).toBe(true)
  for (const path of ['yaml/dist/doc/Document.js', 'a/package.json', 'node-addon-api/napi.h', 'a/x.node'])
    expect(isDeadWeight(path)).toBe(false)
})

test('the sources are below a few megabytes and hold what is built and run', () => {
  const paths: string[] = SOURCES.filter((path: string) => existsSync(join(root, path))).flatMap(
    (path: string) => (statSync(join(root, path)).isFile() ? [path] : filesBelow(root, path, isSource)),
  )
  for (const path of [
    'CMakeLists.txt',
    'native/binding/addon.cpp',
    'bench/gpu/main.ts',
    'scripts/gpu/run.sh',
    'lib/index.ts',
    'lib/tokenizer/embedded/tokenizer.json',
  ])
    expect(paths).toContain(path)
  expect(paths.filter((path) => /node_modules|\.log$|\.git\//.test(path))).toEqual([])
  expect(paths.reduce((sum, path) => sum + statSync(join(root, path)).size, 0)).toBeLessThan(8e6)
})

for (const path of ['.gpu/payload.tar.xz', 'mira-gpu.tar']) {
  const full = join(root, path)
  test.skipIf(!existsSync(full))(`${path} is within the limit (skipped where nothing was packed)`, () => {
    expect(statSync(full).size).toBeLessThan(LIMIT)
  })
}

describe('run.sh', () => {
  /** A host whose programs are scripts of one line. */
  const host = (programs: Record<string, string>) => {
    const bin = mkdtempSync(join(folder, 'bin-'))
    for (const [name, body] of Object.entries(programs)) {
      writeFileSync(join(bin, name), `#!/bin/bash\n${body}\n`)
      chmodSync(join(bin, name), 0o755)
    }
    return bin
  }
  const run = (bin: string, args: string[], more: Record<string, string> = {}) => {
    const work = join(folder, 'work')
    mkdirSync(work, { recursive: true })
    const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: folder, MIRA_GPU_WORK: work, ...more }
    const result = spawnSync('/bin/bash', [join(root, 'scripts/gpu/run.sh'), ...args], {
      encoding: 'utf8',
      env,
    })
    return { status: result.status, words: result.stderr.trim() }
  }
  const torch = (said: string) => `case "$1" in -) cat >/dev/null; echo '${said}' ;; esac`

  test.each([
    [['--help'], /--help: expected a value/],
    [[], /expected at least one stage/],
    [['everything'], /expected a stage .*received 'everything'/],
  ])('says what is wrong with %j', (args, sentence) => {
    const { status, words } = run(host({}), args)
    expect(status).toBe(1)
    expect(words).toMatch(sentence)
  })
  test('names a Python that is missing', () => {
    expect(run(host({}), ['probe'], { PYTHON: 'no-such-python' }).words).toMatch(/no no-such-python on PATH/)
  })
  test('a CPU build of torch, or one that sees no GPU, is no CUDA host', () => {
    const cpu = host({ 'a-python': torch('/t 2.11.0 none False') })
    expect(run(cpu, ['probe'], { PYTHON: 'a-python' }).words).toMatch(/is a CPU build: install a CUDA build/)
    const blind = host({ 'a-python': torch('/t 2.11.0+cu130 13.0 False') })
    expect(run(blind, ['probe'], { PYTHON: 'a-python' }).words).toMatch(/sees no GPU: .*CUDA 13.0/)
  })
})

describe('options of the benchmark', () => {
  test('defaults are the sizes of the targets; a CPU gets small ones', () => {
    expect(parseOptions([])).toMatchObject({
      shape: '12b',
      device: 'cuda',
      whole: true,
      stages: ['train-full', 'train-lora', 'generate'],
      sizes: { rows: [4096, 16384], batches: [1, 8, 32, 64] },
    })
    expect(parseOptions(['probe', '--device', 'cpu']).sizes.rows[0]).toBeLessThan(100)
  })
  test('fewer layers are no whole model', () => {
    const { whole, config } = parseOptions(['--layers', '8'])
    expect([whole, config.layers, config.layerIsGlobal.length]).toEqual([false, 8, 8])
  })
  test.each([
    [['--shape', '3b'], /--shape: .*received 3b/],
    [['--layers', '99'], /--layers: expected at most 48/],
    [['--device', 'tpu'], /--device: expected cpu, cuda or cuda:N, received tpu/],
    [['--rows', '1,x'], /--rows: expected whole numbers/],
    [['decode'], /expected a stage .*received 'decode'/],
  ])('%j is refused in one sentence', (argv, sentence) => {
    expect(() => parseOptions(argv)).toThrow(sentence)
  })
})
