/**
 * Speed of the embedded web on one core, without a model: environment steps per second (observe, act, milestone
 * oracle), reset time, and the size of pages and prompts. Prints; asserts nothing.
 * Run: node --import tsx bench/environment.ts [seconds]
 */
import { performance } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import { embeddedBackend } from '../lib/sites/backend.ts'
import { embeddedWeb } from '../lib/sites/embedded.ts'
import { buildSuite, oracleReached } from '../lib/sites/suite.ts'
import { createWorld } from '../lib/sites/world.ts'
import { inProcessDriver } from '../lib/web/in-process.ts'
import type { Addressing } from '../lib/web/observation.ts'

export interface EnvironmentSpeed {
  addressing: Addressing
  steps: number
  /** Per second of processor time of this process: a busy machine does not lower it. */
  stepsPerSecond: number
  /** Per second of wall clock. */
  stepsPerWallSecond: number
  /** Milliseconds from "open" to a page that can be observed: median and 99th percentile. */
  resetMedian: number
  resetP99: number
  /** Steps of one expert episode, mean. */
  expertSteps: number
  /** Characters of one observation, mean and largest. */
  pageMean: number
  pageMax: number
}

export async function measureEnvironment(addressing: Addressing, seconds: number): Promise<EnvironmentSpeed> {
  const driver = inProcessDriver(embeddedBackend(embeddedWeb))
  const templates = embeddedWeb.templates.values()
  const tasks = buildSuite({ templates, split: 'train', count: 200, seed: 1 })
  const scripts = tasks.map(({ task, template, params }) =>
    template.expert(createWorld(task.embedded?.world_seed ?? 0), params),
  )
  const resets: number[] = []
  let steps = 0
  let episodes = 0
  let chars = 0
  let pageMax = 0
  const run = async (more: () => boolean) => {
    for (let i = 0; more(); i = (i + 1) % tasks.length) {
      const task = tasks[i] as (typeof tasks)[number]
      const opened = performance.now()
      const session = await driver.open(task.task, { addressing })
      resets.push(performance.now() - opened)
      for (const action of scripts[i] ?? []) {
        const { text, elements } = await session.observe()
        const element = 'element' in action ? elements.find((e) => e.name === action.element) : undefined
        await session.act(
          element && addressing === 'id'
            ? ({ ...action, element: String(element.id) } as typeof action)
            : action,
        )
        oracleReached(task, session.world, await session.snapshot())
        steps++
        chars += text.length
        pageMax = Math.max(pageMax, text.length)
      }
      episodes++
    }
  }
  // Counted in steps, not seconds, so that a busy machine warms the compiler as well as an idle one.
  await run(() => steps < 2000)
  resets.length = steps = episodes = chars = pageMax = 0
  const start = performance.now()
  const cpu = process.cpuUsage()
  await run(() => performance.now() - start < 1000 * seconds)
  const elapsed = (performance.now() - start) / 1000
  const used = process.cpuUsage(cpu)
  resets.sort((a, b) => a - b)
  const quantile = (q: number) => resets[Math.min(resets.length - 1, Math.floor(q * resets.length))] ?? 0
  return {
    addressing,
    steps,
    stepsPerSecond: steps / ((used.user + used.system) / 1e6),
    stepsPerWallSecond: steps / elapsed,
    resetMedian: quantile(0.5),
    resetP99: quantile(0.99),
    expertSteps: steps / episodes,
    pageMean: chars / steps,
    pageMax,
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const seconds = Number(process.argv[2] ?? 5)
  for (const addressing of ['name', 'id'] as const) {
    const m = await measureEnvironment(addressing, seconds)
    console.log(
      `environment (${m.addressing}): ${m.stepsPerSecond.toFixed(0)} steps per core second with observation and oracle ` +
        `(${m.stepsPerWallSecond.toFixed(0)} per wall second), ` +
        `reset ${m.resetMedian.toFixed(2)} ms median, ${m.resetP99.toFixed(2)} ms p99, ` +
        `${m.expertSteps.toFixed(1)} steps per expert episode, page ${m.pageMean.toFixed(0)} characters mean, ${m.pageMax} max`,
    )
  }
}
