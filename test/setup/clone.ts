// A throw-away clone for tests of set-up: the scripts and build files of this repository, one native source, a PATH
// of stub programs. Nothing in it compiles; what is tested is how set-up decides and what it says.
import { execFile } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'

export const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

export interface Clone {
  root: string
  cache: string
  /** Puts a program on the clone's PATH: the lines of a shell script. */
  stub(name: string, lines: string): void
  write(path: string, text: string): string
  /** Runs a script of the clone with only the stubs on PATH. */
  node(args: string[], env?: Record<string, string>): Promise<{ status: number; text: string }>
  /** A module of scripts/ as this clone sees it. */
  // biome-ignore lint/suspicious/noExplicitAny: the scripts are plain JavaScript without declarations
  load(path: string): Promise<any>
}

/** A clone whose tools all work as far as they are asked; tests then break one. */
export function clone(options: { modules?: boolean } = {}): Clone {
  const root = mkdtempSync(join(tmpdir(), 'mira-setup-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const path of ['scripts', 'CMakeLists.txt', 'package.json', 'package-lock.json'])
    cpSync(join(repository, path), join(root, path), { recursive: true })
  if (options.modules !== false) symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'))
  const bin = join(root, 'bin')
  const cache = join(root, 'cache')
  mkdirSync(bin)
  const self: Clone = {
    root,
    cache,
    stub(name, lines) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${lines}\n`)
      chmodSync(join(bin, name), 0o755)
    },
    write(path, text) {
      const full = join(root, path)
      mkdirSync(dirname(full), { recursive: true })
      writeFileSync(full, text)
      return full
    },
    node(args, env = {}) {
      return new Promise((done) => {
        const clean = { PATH: bin, HOME: root, MIRA_CACHE: cache, LANG: 'C', ...env }
        execFile(process.execPath, args, { cwd: root, env: clean, timeout: 50_000 }, (error, out, err) =>
          done({ status: error ? Number(error.code ?? -1) : 0, text: out + err }),
        )
      })
    },
    load: (path) => import(/* @vite-ignore */ pathToFileURL(join(root, 'scripts', path)).href),
  }
  self.write('native/core/a.cpp', 'int a() { return 1; }\n')
  self.stub('g++', 'echo "g++ (stub) 14.1.0"')
  self.stub('ninja', 'exit 0')
  self.stub(
    'cmake',
    'if [ "$1" = --version ]; then echo "cmake version 3.30.0"; else echo "stub: configure refused"; exit 1; fi',
  )
  self.stub(
    'python3',
    `case "$*" in
  --version) echo "Python 3.11.2" ;;
  *"pip --version") echo "pip 23.0 from here" ;;
  *"pip download"*) echo "$*" >> "${root}/pip.log"; echo "ERROR: no route to host"; exit 1 ;;
  *) echo null ;;
esac`,
  )
  return self
}

/** Files that set-up takes for a LibTorch of `version`; the libraries are empty. */
export function fakeLibTorch(
  at: Clone,
  folder: string,
  version: string,
  extra: Record<string, string> = {},
): string {
  const [major, minor, patch] = version.split('.')
  const defines = `#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH ${patch}\n`
  const parts = {
    'share/cmake/Torch/TorchConfig.cmake': '',
    'include/torch/headeronly/version.h': defines,
    'lib/libtorch.so': '',
    'lib/libtorch_cpu.so': '',
    'lib/libc10.so': '',
    ...extra,
  }
  for (const [path, text] of Object.entries(parts)) at.write(`${folder}/${path}`, text)
  return join(at.root, folder)
}
