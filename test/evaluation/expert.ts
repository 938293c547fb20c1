/**
 * Policies that know the answers, for evaluations without a model: the scripted expert of the embedded suite finds
 * its task by the instruction in the prompt and says its actions in turn.
 */
import type { Policy } from '../../lib/agent/policy.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { embeddedTaskOf } from '../../lib/sites/suite.ts'
import { createWorld } from '../../lib/sites/world.ts'
import type { Task } from '../../lib/tasks/task.ts'
import type { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { formatAction } from '../../lib/web/grammar.ts'

/** What is said in an episode, turn by turn; the last text is said again when there are no more. */
export type Script = (session: number, prompt: string) => readonly string[]

/** A policy whose texts depend on the first prompt of an episode. */
export function scriptedPolicy(tokenizer: Tokenizer, script: Script): Policy {
  const episodes = new Map<number, { texts: readonly string[]; turn: number }>()
  return {
    async act({ promptIds, session }) {
      const episode = episodes.get(session) ?? {
        texts: script(session, tokenizer.decode(promptIds)),
        turn: 0,
      }
      episodes.set(session, episode)
      const text = episode.texts[Math.min(episode.turn++, episode.texts.length - 1)] ?? ''
      const ids = Int32Array.from([...tokenizer.encode(text), tokenizer.special.endOfTurn])
      return { ids, logprobs: new Float32Array(ids.length) }
    },
    release: (session) => void episodes.delete(session),
  }
}

/** The expert's texts for the task whose instruction stands in the prompt. */
export function expertScript(tasks: readonly Task[]): Script {
  return (_, prompt) => {
    const task = tasks.find(({ intent }) => prompt.includes(intent))
    if (!task) throw new Error(`no task has its instruction in the prompt: ${prompt.slice(0, 200)}`)
    const { template, params } = embeddedTaskOf(embeddedWeb, task)
    return template.expert(createWorld(task.embedded?.world_seed ?? 0), params).map(formatAction)
  }
}
