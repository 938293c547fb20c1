/**
 * The JavaScript protocol of a MiniWoB++ page (core/core.js of the package): expressions that start a seeded episode,
 * say what is to be done and how it ended. Nothing here knows a browser; whoever can evaluate an expression on the
 * page can play.
 */
import { z } from 'zod'

/** What of the page shows the reward, the time left, the goal, or covers it; hidden from the agent, still working. */
const HUD = '#reward-display, #click-canvas, #sync-task-cover, #query'

export interface EpisodeStart {
  /** Goes to the page as a number: MiniWoB++ draws differently from a seed in a string. */
  seed: number
  /** The distribution a few tasks draw from; the Python package's default is "train". */
  dataMode: 'train' | 'test' | 'default'
  /** Milliseconds until the page ends the episode as timed out. */
  maxTimeMs: number
}

/** True as soon as the page has prepared itself to start. */
export const PREPARED = `typeof core === 'object' && core.cover_div !== null`

/**
 * Ends what runs and starts the episode. The page remembers the seed, so that an episode somebody starts in another
 * way, after a reload, is not taken for this one.
 */
export function startExpression({ seed, dataMode, maxTimeMs }: EpisodeStart): string {
  return `(() => {
    if (!document.getElementById('mira-hud')) {
      const style = document.createElement('style')
      style.id = 'mira-hud'
      style.textContent = ${JSON.stringify(`${HUD} { display: none !important }`)}
      document.head.append(style)
    }
    core.endEpisode(0)
    core.setDataMode(${JSON.stringify(dataMode)})
    Math.seedrandom(${seed})
    core.EPISODE_MAX_TIME = ${maxTimeMs}
    core.startEpisodeReal()
    core.seededWith = ${seed}
    return true
  })()`
}

export const READY = 'WOB_TASK_READY === true'

/** What is to be done, in words; some tasks give fields beside it. */
export const UTTERANCE = 'core.getUtterance()'

const utterance = z
  .union([z.string(), z.object({ utterance: z.string() }).transform((given) => given.utterance)])
  .transform((text) => text.replace(/\s+/g, ' ').trim())
  .pipe(z.string().min(1))

/** The words of what UTTERANCE came to; undefined when the page gave none. */
export function utteranceText(value: unknown): string | undefined {
  return utterance.safeParse(value).data
}

export const STATE = `typeof core !== 'object' ? null : [
  core.seededWith ?? null, WOB_DONE_GLOBAL, WOB_RAW_REWARD_GLOBAL, WOB_REWARD_REASON ?? null
]`

const state = z.tuple([z.number().nullable(), z.boolean(), z.number(), z.string().nullable()])

export interface EpisodeState {
  seed: number | undefined
  done: boolean
  /** Without the discount for time: 1 for success, -1 for failure, between them for some tasks. */
  raw: number
  reason: string | undefined
}

/** What STATE came to; undefined when the page is none of MiniWoB++'s. */
export function episodeState(value: unknown): EpisodeState | undefined {
  const { data } = state.safeParse(value)
  return data && { seed: data[0] ?? undefined, done: data[1], raw: data[2], reason: data[3] ?? undefined }
}

/**
 * A raw reward is success when it is 1, or at least the task's threshold where its reward is continuous.
 * (A positive raw reward is not enough: find-greatest gives 0.1 for a wrong card.)
 */
export function succeeded(raw: number, threshold: number | undefined): boolean {
  return threshold === undefined ? raw === 1 : raw >= threshold
}

/** The same rule as an expression in the form WebArena's program_html evaluator takes. */
export function successLocator(seed: number, threshold: number | undefined): string {
  const page = 'document.defaultView'
  const rule = threshold === undefined ? '=== 1' : `>= ${threshold}`
  return `${page}.core.seededWith === ${seed} && ${page}.WOB_DONE_GLOBAL === true && ${page}.WOB_RAW_REWARD_GLOBAL ${rule}`
}
