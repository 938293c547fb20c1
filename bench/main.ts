/**
 * Chooses the benchmark: the embedded model on this processor, or with the argument `gpu` Gemma3-12B's shape on a GPU.
 * Run: npm run bench -- [gpu] [options]; the options are in embedded.ts and gpu/main.ts.
 */
if (process.argv[2] === 'gpu') {
  const { benchGpu } = await import('./gpu/main.ts')
  try {
    process.exitCode = await benchGpu(process.argv.slice(3))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 2
  }
} else {
  await import('./embedded.ts')
}
