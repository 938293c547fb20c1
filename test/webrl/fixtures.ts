/** Golden outputs of the published code, where a copy lies beside the repository; tests without it skip. */
import { existsSync, readFileSync } from 'node:fs'

const shared = new URL('../../../shared/webarena/', import.meta.url)

/** The parsed fixture, or undefined where there is none. */
export function golden<T>(name: string): T | undefined {
  for (const file of [`${name}.json`, `fixture_${name}.json`]) {
    const url = new URL(file, shared)
    if (existsSync(url)) return JSON.parse(readFileSync(url, 'utf8')) as T
  }
  return undefined
}
