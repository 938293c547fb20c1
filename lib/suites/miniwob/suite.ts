/** MiniWoB++ as a suite ready to be played in Chromium: its pages where the user has them, one task per page and seed. */
import { type ChromiumDriverOptions, chromiumDriver } from '../../web/chromium/driver.ts'
import type { Suite } from '../suite.ts'
import { type MiniwobOptions, miniwobDriver } from './driver.ts'
import { openPages, type PagesOptions } from './pages.ts'
import { miniwobTasks } from './tasks.ts'

export interface MiniwobSuiteOptions extends MiniwobOptions, PagesOptions {
  /** URL or path, see pages.ts. */
  source: string
  /** Whole numbers from 0; every task is played with each. */
  seeds: readonly number[]
  browser?: Omit<ChromiumDriverOptions, 'origins' | 'prepare' | 'storageState'>
}

export async function openMiniwob(
  options: MiniwobSuiteOptions,
): Promise<Suite & { readonly name: 'miniwob' }> {
  const { source, seeds, browser, names, timing, thresholds } = options
  const pages = await openPages(source, { ...(names ? { names } : {}), ...(timing ? { timing } : {}) })
  const { origin } = new URL(pages.baseUrl)
  const tasks = miniwobTasks({
    baseUrl: pages.baseUrl,
    names: pages.names,
    seeds,
    ...(thresholds ? { thresholds } : {}),
  })
  const driver = miniwobDriver(chromiumDriver({ ...browser, origins: () => [origin] }), options)
  return {
    name: 'miniwob',
    tasks,
    driver,
    // Every episode has the page to itself.
    locks: () => [],
    reads: () => [],
    async close() {
      await driver.close()
      await pages.close()
    },
  }
}
