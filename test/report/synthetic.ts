/**
 * Episodes and learning figures of a run that never happened, for tests of everything that reads a run.
 * Deterministic in its seed; page and task texts try to break out of HTML.
 */
import type { Episode } from '../../lib/agent/episode.ts'
import type { Step } from '../../lib/agent/step.ts'
import { seededRandom } from '../../lib/learn/random.ts'
import type { StepLearning } from '../../lib/learn/trace.ts'
import type { EpisodeRecord } from '../../lib/run/episodes.ts'
import { SITE_NAMES, type Split } from '../../lib/tasks/task.ts'

export const HOSTILE = `</script><img src="http://evil.example/x.png" onerror=alert(1)> & "quoted" 'single'`

export function syntheticRecords(options: {
  phases: number
  perPhase: number
  seed?: number
}): EpisodeRecord[] {
  const random = seededRandom(options.seed ?? 1)
  const records: EpisodeRecord[] = []
  for (let phase = 0; phase < options.phases; phase++) {
    for (let n = 0; n < options.perPhase; n++) {
      const split: Split = n % 3 === 0 ? 'train' : 'test'
      records.push(record(phase, n, split, 0.3 + (0.4 * phase) / options.phases, random.next))
    }
  }
  return records
}

function record(phase: number, n: number, split: Split, skill: number, next: () => number): EpisodeRecord {
  const site = SITE_NAMES[n % SITE_NAMES.length]!
  const success = next() < skill
  const length = 3 + Math.floor(next() * 9)
  const last = success ? 4 : Math.floor(next() * 4)
  const steps = Array.from({ length }, (_, t) => step(site, t, Math.floor((last * (t + 1)) / length), next))
  const learning = steps.map((_, t): StepLearning => {
    const potential = Math.min(1, (last / 4) * (t / length) + 0.1 * next())
    const auxiliary = 0.3 * (1 / length) * (success ? 1 : 0.4)
    return {
      value: Math.min(
        1,
        Math.max(0, skill + (success ? 0.25 : -0.25) * ((t + 1) / length) + 0.2 * (next() - 0.5)),
      ),
      potential,
      auxiliary,
      reward: auxiliary + (success && t === length - 1 ? 1 : 0),
      advantage: (success ? 0.3 : -0.2) + 0.1 * (next() - 0.5),
      ...(phase > 0 && { logRatio: 0.2 * (next() - 0.5) }),
    }
  })
  const episode: Episode = {
    id: `p${phase}-${n}`,
    task: {
      sites: n % 11 === 0 ? [site, 'map'] : [site],
      task_id: n,
      require_login: false,
      storage_state: null,
      start_url: `http://${site}.mira.test/`,
      geolocation: null,
      intent_template: 'Buy the {{colour}} lamp',
      instantiation_dict: { colour: 'red' },
      intent: n === 1 ? HOSTILE : `Find the "red lamp" number ${n} and put it in the cart`,
      require_reset: false,
      intent_template_id: n % 7,
      eval: {
        eval_types: ['string_match'],
        reference_answers: null,
        reference_url: null,
        program_html: [],
      },
      embedded: {
        template: `${site}/buy-colour`,
        split,
        world_seed: n,
        milestones: [
          'The shop is open',
          'The search lists lamps',
          'The lamp is open',
          n === 1 ? HOSTILE : 'It is in the cart',
        ],
      },
    },
    phase,
    seed: BigInt(n),
    temperature: split === 'train' ? 1 : 0,
    steps,
    end: success ? 'exit' : 'stuck',
    ...(success && { answer: 'done' }),
    judgement: {
      score: success ? 1 : 0,
      details: [success ? 'cart holds: red lamp' : `expected red lamp, found ${HOSTILE}`],
    },
    seconds: 0.4,
  }
  return split === 'train' ? { episode, learning } : { episode }
}

function step(site: string, t: number, reached: number, next: () => number): Step {
  const items = Array.from(
    { length: 6 },
    (_, i) => `<a id="${i}"> ${i % 2 ? 'blue' : 'red'} lamp ${i} </a> <b> ${Math.floor(90 * next())} </b>`,
  )
  const actionText =
    t % 4 === 3 ? 'do(action="Click", element="5")' : 'do(action="Click", element="red lamp 2")'
  const actionIds = Int32Array.from({ length: 7 }, () => Math.floor(2000 * next()))
  return {
    promptIds: Int32Array.from({ length: 40 }, () => Math.floor(2000 * next())),
    actionIds,
    logprobs: Float32Array.from(actionIds, () => -0.3 * next()),
    actionText,
    action: { kind: 'click', element: 'red lamp 2' },
    url: `http://${site}.mira.test/list?page=${t}`,
    pageText: `<html> <h1> ${site} ${t} </h1> <form> <input id="9"> search </input> <button> Go </button> </form> ${items.join(' ')} ${t === 1 ? HOSTILE : ''} </html>`,
    ...(t % 5 === 4 && {
      error: 'No element is called "red lamp 2" on this page.',
    }),
    reached: Uint8Array.from({ length: 4 }, (_, k) => (k < reached ? 1 : 0)),
  }
}
