// What the tests of milestones share: a task, a model that replies as told, and moments of an episode.
import type { MilestoneCheck } from '../../lib/milestones/checker.ts'
import type { LanguageModel, ModelReply, ModelRequest } from '../../lib/llm/model.ts'
import type { Task } from '../../lib/tasks/task.ts'

export const task: Task = {
  sites: ['shopping'],
  task_id: 7,
  require_login: false,
  storage_state: null,
  start_url: 'http://shop.example/',
  geolocation: null,
  intent_template: '',
  instantiation_dict: {},
  intent: 'Put a red kettle into the cart',
  require_reset: false,
  intent_template_id: 0,
  eval: { eval_types: ['string_match'], reference_answers: null, reference_url: null, program_html: [] },
}

export interface FakeModel extends LanguageModel {
  readonly seen: ModelRequest[]
}

/** Answers with what `say` makes of the user's last turn. */
export function fakeModel(
  say: (text: string, request: ModelRequest) => string | Partial<ModelReply>,
): FakeModel {
  const seen: ModelRequest[] = []
  return {
    name: 'fake/model',
    seen,
    async generate(request) {
      seen.push(request)
      const said = say(userText(request), request)
      const reply = typeof said === 'string' ? { text: said } : said
      const usage = { inputTokens: 10, outputTokens: 5, thinkingTokens: 0, cost: 0.001 }
      return { text: '', finish: 'stop', usage, cached: false, seconds: 0.5, ...reply }
    },
  }
}

/** Text of the last user turn. */
export function userText({ messages }: ModelRequest): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content ?? ''
  return typeof content === 'string'
    ? content
    : content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

export function moment(over: Partial<MilestoneCheck> = {}): MilestoneCheck {
  return {
    task,
    milestones: ['the kettle page is open', 'the cart holds a red kettle'],
    actions: ['do(action="Click", element="kettle")'],
    observe: async () => ({ url: 'http://shop.example/kettle', text: '<p>A red kettle</p>' }),
    ...over,
  }
}
