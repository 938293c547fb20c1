/** Loading the addon fails with one sentence that says what to run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MiraNativeError } from '../../lib/native/errors.ts'
import { addonPath, loadNative } from '../../lib/native/loader.ts'

test('MIRA_ADDON names the addon; otherwise it is the one that set-up builds', () => {
  expect(addonPath({ MIRA_ADDON: '/somewhere/mira.node' })).toBe('/somewhere/mira.node')
  expect(addonPath({})).toMatch(/build[\\/]Release[\\/]mira\.node$/)
})

test('an addon that is not there', () => {
  const failing = () => loadNative('/no/such/mira.node')
  expect(failing).toThrow(MiraNativeError)
  expect(failing).toThrow(expect.objectContaining({ code: 'ERR_ADDON_MISSING' }))
  expect(failing).toThrow(/\/no\/such\/mira\.node, which does not exist; run `npm run setup`/)
})

test('a file that is no addon, with the cause', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mira-load-'))
  const path = join(folder, 'mira.node')
  writeFileSync(path, 'not a shared library')
  const failing = () => loadNative(path)
  expect(failing).toThrow(expect.objectContaining({ code: 'ERR_ADDON_BROKEN', cause: expect.any(Error) }))
  expect(failing).toThrow(/cannot load .*mira\.node: .*; run `npm run setup`/s)
  rmSync(folder, { recursive: true, force: true })
})

test('the same object at every call', () => {
  expect(loadNative()).toBe(loadNative())
})
