// How tests run: in forked processes, since an addon that crashes must not take the runner along.
// The addon computes with every core, so the files that load it run one at a time; see docs/setup.md.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    reporters: process.env.CI
      ? ['default', ['json', { outputFile: 'build/test-results.json' }]]
      : ['default'],
    passWithNoTests: false,
  },
})
