// Only one set-up at a time works on this clone; a second one waits for it. A lock whose owner is gone is taken over.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SetupError } from './failure.mjs'
import { buildDir, shown } from './paths.mjs'

const WAIT_MS = 2 * 3600_000
const lockPath = join(buildDir, 'setup.lock')

function owner() {
  try {
    return Number(readFileSync(lockPath, 'utf8')) || undefined
  } catch {
    return undefined
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function unwritable(cause) {
  return new SetupError(
    'E_WRITE',
    `cannot write to ${buildDir} (${cause.code})`,
    'clone mira into a folder that you may write to',
    { cause },
  )
}

/** Whether the lock is now ours. */
function take() {
  try {
    writeFileSync(lockPath, String(process.pid), { flag: 'wx' })
    return true
  } catch (cause) {
    if (cause.code !== 'EEXIST') throw unwritable(cause)
    return false
  }
}

/** Runs `work` as the only set-up of this clone. */
export async function alone(say, work) {
  const deadline = Date.now() + WAIT_MS
  let told = false
  try {
    mkdirSync(buildDir, { recursive: true })
  } catch (cause) {
    throw unwritable(cause)
  }
  while (!take()) {
    const pid = owner()
    if (pid === undefined || !alive(pid)) {
      // An empty lock is one that is being written; only the second look at the same state takes it over.
      await sleep(200)
      if (owner() === pid) rmSync(lockPath, { force: true })
      continue
    }
    if (Date.now() > deadline)
      throw new SetupError(
        'E_BUSY',
        `another set-up (process ${pid}) has held ${shown(lockPath)} for two hours`,
        `end it and run: npm run setup`,
      )
    if (!told) say(`waiting for another set-up of this clone (process ${pid})`)
    told = true
    await sleep(500)
  }
  const release = () => rmSync(lockPath, { force: true })
  process.once('exit', release)
  try {
    return await work()
  } finally {
    release()
    process.off('exit', release)
  }
}
