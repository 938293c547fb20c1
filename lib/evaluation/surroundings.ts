/**
 * What an evaluation takes from the environment, written into its configuration, so that its folder says everything
 * and it goes on anywhere: where the sites run (SHOPPING, WA_SHOPPING, ...) and where MiniWoB++ is (MINIWOB_URL).
 */
import { resolve } from 'node:path'
import type { Config } from '../config/schema.ts'
import { miniwobSource } from '../suites/miniwob/pages.ts'
import { siteUrlsFromEnvironment } from '../suites/sites.ts'

export function withSurroundings(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
): Config {
  const { evaluation, sites } = config
  switch (evaluation.suite) {
    case 'webarena-lite':
    case 'webrl': {
      const urls = { ...siteUrlsFromEnvironment(environment), ...sites.urls }
      return { ...config, sites: { ...sites, urls } }
    }
    case 'miniwob': {
      const source = evaluation.tasks ?? miniwobSource(environment)
      if (source === undefined) return config
      const tasks = /^[a-z]+:/i.test(source) ? source : resolve(source)
      return { ...config, evaluation: { ...evaluation, tasks } }
    }
    case 'embedded':
      return config
  }
}
