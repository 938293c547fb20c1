/**
 * What one embedded site, one world and one task template are. Sites are pure functions of (world, request):
 * all state lives in the World, so that a thousand episodes side by side never see each other.
 */
import type { EvalSpec, SiteName, Task } from '../tasks/task.ts'
import type { Action } from '../web/action.ts'
import type { Driver, OpenOptions, PageSnapshot, Session } from '../web/session.ts'

/** Deterministic random numbers; every draw of a world and of a task comes from one of these. */
export interface Rng {
  /** Uniform in [0,1). */
  next(): number
  /** Uniform integer in [0,n). */
  int(n: number): number
  pick<T>(items: readonly T[]): T
  /** A shuffled copy. */
  shuffle<T>(items: readonly T[]): T[]
  /** An independent stream; the same label gives the same stream. */
  fork(label: string): Rng
}

/** Everything one episode can change. Each site's data are made on first use, from fork(site name). */
export interface World {
  readonly seed: number
  readonly rng: Rng
  /** The site's data and state, created by `make` at the first call in this world. */
  state<S>(site: SiteName, make: (rng: Rng) => S): S
  /** Signed-in user per site, if any. */
  readonly session: Map<SiteName, string>
}

/** A session whose world is in reach of milestone oracles, in process or in a real browser. */
export interface WorldSession extends Session {
  readonly world: World
}

export interface WorldDriver extends Driver {
  open(task: Task, options: OpenOptions): Promise<WorldSession>
}

/** Where sites live: "http://shop.test" in process, another origin on loopback. */
export type Origins = Record<SiteName, string>

/** One embedded site. `fetch` is synchronous in effect (no timers, no I/O) but keeps the web-standard form. */
export interface Site {
  name: SiteName
  fetch(request: Request, env: { world: World; origins: Origins }): Response | Promise<Response>
}

/** What a milestone oracle sees after each step. */
export interface OracleView {
  world: World
  page: PageSnapshot
  params: Params
  /** Set once the agent has called exit. */
  answer?: string
}

export type Params = Record<string, string | number>

export interface Milestone {
  /** A sentence a person would put on a checklist. */
  text: string
  reached(view: OracleView): boolean
}

/** One way of doing a task wrong that looks right: what an imperfect annotator would record. */
export interface Slip {
  kind: 'early-exit' | 'sibling-button' | 'wrong-field'
  actions: Action[]
}

/** A family of tasks. All functions are deterministic in (world, params). */
export interface Template {
  /** "shop/buy-colour" */
  id: string
  sites: SiteName[]
  /** Held out of training altogether. */
  novel?: boolean
  /** Draws parameters that make sense in this world (the product exists, the answer is unique). */
  draw(world: World, rng: Rng): Params
  /** The instruction; names are in double quotes, numbers bare. */
  intent(params: Params): string
  /** Path on the first site where the episode starts, e.g. "/". */
  start?(params: Params): string
  evaluate(world: World, params: Params, origins: Origins): EvalSpec
  /** Exactly four. */
  milestones: [Milestone, Milestone, Milestone, Milestone]
  /** A shortest sensible solution, elements addressed by visible name, ending in exit. 3 to 15 actions. */
  expert(world: World, params: Params): Action[]
  /** At least one systematic slip; it must FAIL the evaluation. */
  slips(world: World, params: Params): Slip[]
}

/** A task made from a template, with what the oracle needs. */
export interface EmbeddedTask {
  task: Task
  template: Template
  params: Params
}
