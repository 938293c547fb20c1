// One idea per file: a file opens with the sentence that says what it promises, and stays short. Library code
// neither prints nor ends the process.
import ts from 'typescript'
import { expect, test } from 'vitest'
import { files, read } from './tree.ts'

const MAX_BYTES = 25_000
const CODE = ['.ts', '.tsx', '.mjs', '.js', '.h', '.cpp', '.cu', '.cuh', '.py', '.cmake', '.css', '.sh']
const sources = ['lib', 'native', 'scripts', 'bench'].flatMap((folder) => files(folder, CODE))

test('no source file is over 25 KB', () => {
  const large = sources.filter((path) => Buffer.byteLength(read(path)) > MAX_BYTES)
  expect(large).toEqual([])
})

test('every source file opens with a comment', () => {
  const tests = files('test', ['.ts', '.tsx', '.py'])
  const bare = [...sources, ...tests].filter((path) => {
    const text = read(path).replace(/^#!.*\n/, '')
    return !/^(\/\/|\/\*|#(?!include|pragma|define|if)|""")/.test(text)
  })
  expect(bare).toEqual([])
})

/** Uses of console and of the process's output and exit, as "path:line what". */
function prints(path: string, text: string): string[] {
  // Parsing is only for telling code from comments.
  if (!/\b(console|process)\b/.test(text)) return []
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
      const name = `${node.expression.text}.${node.name.text}`
      if (/^(console\.\w+|process\.(exit|stdout|stderr))$/.test(name))
        found.push(`${path}:${file.getLineAndCharacterOfPosition(node.pos).line + 1} ${name}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

test('library code outside lib/cli never prints and never exits', () => {
  expect(prints('x.ts', '// console.log\nprocess.exit(1)')).toEqual(['x.ts:1 process.exit'])
  const library = files('lib', ['.ts', '.tsx']).filter((path) => !path.startsWith('lib/cli/'))
  expect(library.flatMap((path) => prints(path, read(path)))).toEqual([])
})
