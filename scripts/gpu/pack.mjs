// Packs what a GPU host without Node and without a network needs: the Node that runs this, runtime packages, ninja,
// and wheels for the Hugging Face side. Leaves out LibTorch: the host's Python torch is built against.
//
//   node scripts/gpu/pack.mjs --out mira-gpu.tar      one archive with the sources: unpack it, then
//                                                     mira/scripts/gpu/run.sh STAGE...
//   node scripts/gpu/pack.mjs --into .gpu             only the carried folder, for a working tree that travels
//
//   --python 3.12   Python of the host, for compiled wheels     --no-wheels   the host has transformers and peft
//   --from .gpu     with --out: takes a carried folder made before, since compressing takes minutes
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { filesBelow, isDeadWeight, isSource, LIMIT, runtimePackages, SOURCES } from './contents.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

class PackError extends Error {}

function must(command, args, options = {}) {
  const { status, error, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  })
  if (error) throw new PackError(`cannot run ${command}: ${error.message}`)
  if (status !== 0)
    throw new PackError(`${command} ${args[0]} ended with ${status}: ${stderr?.trim().slice(-1500)}`)
}

function copy(paths, into) {
  for (const path of paths) {
    const to = join(into, path)
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(join(root, path), to)
  }
}

/** Programs, packages and wheels below `stage`. */
function collect(stage, { python, wheels }) {
  mkdirSync(join(stage, 'bin'), { recursive: true })
  const node = join(stage, 'bin', 'node')
  copyFileSync(process.execPath, node)
  chmodSync(node, 0o755)
  must('strip', ['--strip-unneeded', node])

  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const packages = runtimePackages(lock, (folder) => existsSync(join(root, folder)))
  // esbuild's wrapper finds the program in its platform package; the copy that its install script makes is not needed.
  const keep = (path) => !isDeadWeight(path) && path !== 'node_modules/esbuild/bin/esbuild'
  for (const folder of packages) copy(filesBelow(root, folder, keep), stage)

  const platforms = [
    'manylinux_2_28_x86_64',
    'manylinux_2_17_x86_64',
    'manylinux2014_x86_64',
    'manylinux1_x86_64',
  ]
  const pip = (target, what) =>
    must('python3', [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--no-deps',
      '--no-compile',
      '--only-binary=:all:',
      `--python-version=${python}`,
      '--implementation=cp',
      ...platforms.map((platform) => `--platform=${platform}`),
      `--target=${target}`,
      ...what,
    ])
  const scratch = join(stage, 'ninja')
  pip(scratch, ['ninja==1.13.0'])
  const program = ['bin/ninja', 'ninja/data/bin/ninja'].map((path) => join(scratch, path)).find(isElf)
  if (!program) throw new PackError('the ninja wheel holds no program where it used to: bin/ninja')
  copyFileSync(program, join(stage, 'bin', 'ninja'))
  chmodSync(join(stage, 'bin', 'ninja'), 0o755)
  rmSync(scratch, { recursive: true })
  if (!wheels) return packages.length
  const site = join(stage, 'site')
  pip(site, ['-r', join(root, 'scripts/gpu/requirements.txt')])
  rmSync(join(site, 'bin'), { recursive: true, force: true })
  return packages.length
}

function isElf(path) {
  return existsSync(path) && readFileSync(path).subarray(0, 4).toString('latin1') === '\x7fELF'
}

/** The carried folder: payload.tar.xz and what is in it. */
function writePayload(folder, options) {
  const stage = mkdtempSync(join(tmpdir(), 'mira-pack-'))
  try {
    const packages = collect(stage, options)
    mkdirSync(folder, { recursive: true })
    const payload = join(folder, 'payload.tar.xz')
    // Fixed order, owner and time: the same inputs give the same bytes.
    const tar = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '-C', stage]
    must('tar', [...tar, '-cf', payload, '-I', 'xz -9e', '.'])
    const manifest = {
      node: process.version,
      packages,
      python: options.wheels ? options.python : 'no wheels',
      payloadBytes: statSync(payload).size,
    }
    writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    return manifest.payloadBytes
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

/** Sources below mira/ and the carried folder as mira/.gpu, in one archive. */
function writeArchive(out, options) {
  const stage = mkdtempSync(join(tmpdir(), 'mira-pack-'))
  try {
    const tree = join(stage, 'mira')
    for (const path of SOURCES) {
      if (!existsSync(join(root, path))) continue
      copy(statSync(join(root, path)).isFile() ? [path] : filesBelow(root, path, isSource), tree)
    }
    chmodSync(join(tree, 'scripts/gpu/run.sh'), 0o755)
    const carried = join(tree, '.gpu')
    if (options.from === undefined) writePayload(carried, options)
    else {
      mkdirSync(carried)
      for (const name of ['payload.tar.xz', 'manifest.json']) {
        if (!existsSync(join(options.from, name)))
          throw new PackError(`--from: expected ${name} in ${options.from}, made with --into`)
        copyFileSync(join(options.from, name), join(carried, name))
      }
    }
    must('tar', ['--sort=name', '--owner=0', '--group=0', '-C', stage, '-cf', out, 'mira'])
    return statSync(out).size
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

function main() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      into: { type: 'string' },
      from: { type: 'string' },
      python: { type: 'string', default: '3.12' },
      'no-wheels': { type: 'boolean', default: false },
    },
  })
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new PackError(
      `expected Linux on x64, the platform of GPU hosts, this is ${process.platform} ${process.arch}`,
    )
  if (!/^3\.\d+$/.test(values.python))
    throw new PackError(`--python: expected 3.N, received ${values.python}`)
  if (values.out !== undefined && values.into !== undefined)
    throw new PackError('--out and --into: expected one of them, received both')
  if (values.from !== undefined && values.into !== undefined)
    throw new PackError('--from: expected with --out only, received with --into')
  const from = values.from === undefined ? undefined : resolve(values.from)
  const options = { python: values.python, wheels: !values['no-wheels'], from }
  const target = resolve(values.into ?? values.out ?? 'mira-gpu.tar')
  const bytes = values.into === undefined ? writeArchive(target, options) : writePayload(target, options)
  if (bytes >= LIMIT)
    throw new PackError(
      `${target} is ${bytes} bytes, the limit is ${LIMIT}; --no-wheels leaves out the largest part`,
    )
  console.log(`${target}: ${(bytes / 1e6).toFixed(1)} MB (limit ${LIMIT / 1e6} MB)`)
}

try {
  main()
} catch (error) {
  if (!(error instanceof PackError)) throw error
  console.error(`pack: ${error.message}`)
  process.exitCode = 1
}
