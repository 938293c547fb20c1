/** limited(model, queue): at most as many calls at once as the queue admits; the wait for a turn has a deadline. */
import type PQueue from 'p-queue'
import { timeLimit } from './deadline.ts'
import { LanguageModelError } from './errors.ts'
import { wrap } from './middleware.ts'
import type { LanguageModel } from './model.ts'

/** One queue per server, shared by every model that is served there. */
export function limited(model: LanguageModel, queue: PQueue, queueSeconds: number): LanguageModel {
  return wrap(model, async (request) => {
    request.signal?.throwIfAborted()
    const wait = timeLimit(queueSeconds, request.signal)
    const turn = queue.add(
      () => {
        wait.end()
        return model.generate(request)
      },
      { signal: wait.signal },
    )
    try {
      return await turn
    } catch (error) {
      if (!wait.expired) throw error
      throw new LanguageModelError(
        'LLM_TIMEOUT',
        `${model.name}: expected a turn among ${queue.concurrency} concurrent calls within ${queueSeconds} s, ` +
          `${queue.size} others waited too; raise llm.concurrency or llm.queueSeconds`,
      )
    } finally {
      wait.end()
    }
  })
}
