/**
 * Putting sites back into their first state: a hook per site, then waiting until each answers again; several sites
 * side by side, every failure named, and a server that resets all of them asked once.
 */
import { ResetError } from './errors.ts'
import { type Readiness, untilReady } from './ready.ts'
import { type CommandHook, runCommand } from './reset-command.ts'
import { type FullResetHook, fullReset, type HttpHook, requestReset } from './reset-http.ts'

export interface SiteReset {
  hook: CommandHook | HttpHook
  /** Looked at after the hook has ended. */
  ready?: Readiness
}

export interface ResetPlan {
  /** By name of the state ("shopping"). */
  sites?: Readonly<Record<string, SiteReset>>
  /** Resets every site at once; sites with a hook of their own use theirs. */
  full?: FullResetHook & { ready?: readonly Readiness[] }
}

/** Names a plan can reset. */
export function canReset(plan: ResetPlan, name: string): boolean {
  return plan.full !== undefined || plan.sites?.[name] !== undefined
}

/**
 * Resets the named states. Rejects with ResetError or DeadlineError after every reset has ended, with one line per
 * site that failed.
 */
export async function resetSites(
  plan: ResetPlan,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const unknown = names.filter((name) => !canReset(plan, name))
  if (unknown.length > 0) {
    throw new ResetError(
      `no reset is configured for ${unknown.join(', ')}; give each a command or a request, or a full-reset server`,
    )
  }
  const own = [...new Set(names)].filter((name) => plan.sites?.[name])
  const work = own.map((name) => resetSite(name, plan.sites?.[name] as SiteReset, signal))
  const { full } = plan
  if (full && own.length < new Set(names).size) work.push(resetAll(full, signal))
  const failures = (await Promise.allSettled(work)).flatMap((result) =>
    result.status === 'rejected' ? [result.reason as Error] : [],
  )
  signal?.throwIfAborted()
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1) {
    throw new ResetError(failures.map((error) => error.message).join('\n'), {
      cause: new AggregateError(failures),
    })
  }
}

async function resetSite(name: string, { hook, ready }: SiteReset, signal?: AbortSignal): Promise<void> {
  if (hook.kind === 'command') await runCommand(name, hook, signal)
  else await requestReset(name, hook, signal)
  if (ready) await untilReady(name, ready, signal)
}

async function resetAll(hook: NonNullable<ResetPlan['full']>, signal?: AbortSignal): Promise<void> {
  await fullReset(hook, signal)
  for (const ready of hook.ready ?? []) await untilReady(new URL(ready.url).host, ready, signal)
}
