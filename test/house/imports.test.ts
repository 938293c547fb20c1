// Everything travels one way: rooms import only rooms below them, the native core knows nothing of N-API.
import { describe, expect, test } from 'vitest'
import { LIB_ROOMS, NATIVE_ROOMS, wrongWay } from './rooms.ts'
import { files, imports, includes, read } from './tree.ts'

describe('the rule itself', () => {
  const check = (from: string, to: string) => wrongWay(from, [to], 'lib', LIB_ROOMS)
  test('accepts the own room and the rooms below', () => {
    expect(check('lib/agent/play.ts', 'lib/agent/step.ts')).toEqual([])
    expect(check('lib/agent/play.ts', 'lib/tasks/task.ts')).toEqual([])
  })
  test('refuses the rooms above, what is outside lib, and rooms without a place', () => {
    expect(check('lib/tasks/task.ts', 'lib/agent/play.ts')).toEqual([
      'lib/tasks/task.ts -> lib/agent/play.ts',
    ])
    expect(check('lib/tasks/task.ts', 'scripts/x.ts')).toEqual(['lib/tasks/task.ts -> scripts/x.ts'])
    expect(check('lib/cellar/x.ts', 'lib/tasks/task.ts')).toHaveLength(1)
  })
})

test('rooms of lib import only rooms before them', () => {
  const sources = files('lib', ['.ts', '.tsx'])
  expect(sources.length).toBeGreaterThan(20)
  expect(sources.flatMap((path) => wrongWay(path, imports(path), 'lib', LIB_ROOMS))).toEqual([])
})

describe('native', () => {
  const sources = files('native', ['.h', '.cpp', '.cu', '.cuh'])
  test('folders include only folders before them, by their path in the repository', () => {
    expect(sources.flatMap((path) => wrongWay(path, includes(path), 'native', NATIVE_ROOMS))).toEqual([])
  })
  test('core and kernels see neither N-API nor Node', () => {
    const below = sources.filter((path) => !path.startsWith('native/binding/'))
    const seen = below.filter((path) =>
      /#\s*include\s*[<"](napi|node|node_api|js_native_api|uv|v8)\b/.test(read(path)),
    )
    expect(below.length).toBeGreaterThan(5)
    expect(seen).toEqual([])
  })
})
