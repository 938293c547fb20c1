// Two workers share the engine, the main thread never loads the addon; everybody gets an answer.
import { Worker } from 'node:worker_threads'
import { addonPath, check, folder } from './common.mjs'

const answers = await Promise.all(
  [1, 2].map(
    (id) =>
      new Promise((resolve, reject) => {
        const workerData = { addonPath, folder, id, verbs: 3, megabytes: 8 }
        const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData })
        let last
        worker.on('message', (message) => {
          last = message
        })
        worker.on('error', reject)
        worker.on('exit', () => resolve(last))
      }),
  ),
)
check(answers[0] === 1 && answers[1] === 2, `each worker ends with its own number, got ${answers}`)
console.log('alive')
