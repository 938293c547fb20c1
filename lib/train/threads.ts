/** How many threads LibTorch computes with. */
import { availableParallelism } from 'node:os'
import { loadNative } from '../native/loader.ts'

/** auto: OMP_NUM_THREADS if set, else every core this process may use. */
export async function setThreads(threads: number | 'auto'): Promise<number> {
  const wanted = Number(process.env.OMP_NUM_THREADS)
  const count = threads === 'auto' ? (wanted > 0 ? Math.floor(wanted) : availableParallelism()) : threads
  await loadNative().setThreads(count)
  return count
}
