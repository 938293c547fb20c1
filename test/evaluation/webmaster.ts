/**
 * A language model that can do the embedded tasks, behind a chat server: reads the task, the number of past actions and
 * what it is asked for from the prompt, and answers as the scripted expert would. Has no state of its own.
 */
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { embeddedTaskOf } from '../../lib/sites/suite.ts'
import { createWorld } from '../../lib/sites/world.ts'
import type { Task } from '../../lib/tasks/task.ts'
import { formatAction } from '../../lib/web/grammar.ts'
import { type Answer, type Seen, say } from '../llm/server.ts'

const TOOK = { input: 100, output: 20, thinking: 8 }

/** @param fails said instead of the expert's action in tasks whose id it is true of */
export function webmaster(tasks: readonly Task[], fails: (task: Task) => boolean = () => false) {
  return (seen: Seen): Answer => {
    const user = userText(seen)
    const task = tasks.find(({ intent }) => user.includes(intent))
    if (!task) return say('I do not know this task.')
    const asked = seen.body.response_format?.json_schema?.name as string | undefined
    const turn = turnOf(user)
    const actions = expertOf(task)
    if (asked === 'milestones') return json({ milestones: task.embedded?.milestones ?? [] })
    if (asked === 'assessment') {
      // One milestone per action, so that the checklist fills as the episode goes.
      const achieved = (task.embedded?.milestones ?? []).map((_, k) => k < turn)
      return json({ achieved, current_done: true, next: `step ${turn + 1}`, note: `after ${turn} actions` })
    }
    const action = fails(task) ? 'exit(message="I give up")' : (actions[turn] ?? 'exit(message="")')
    return say(`The page shows what I need.\nNote: turn ${turn}\n${action}`, TOOK)
  }
}

export function expertOf(task: Task): string[] {
  const { template, params } = embeddedTaskOf(embeddedWeb, task)
  return template.expert(createWorld(task.embedded?.world_seed ?? 0), params).map(formatAction)
}

/** Text of the last user message. */
export function userText({ body }: Seen): string {
  const content = body.messages.at(-1).content
  return typeof content === 'string'
    ? content
    : content.map((part: { text?: string }) => part.text ?? '').join('')
}

/** Actions in the history of a prompt. */
function turnOf(user: string): number {
  const history = /actions so far:\n([\s\S]*?)\n\n/i.exec(user)?.[1] ?? ''
  return history.match(/^\d+\. /gm)?.length ?? 0
}

function json(value: unknown): Answer {
  return say(JSON.stringify(value), TOOK)
}
