/**
 * Observers of Chromium pages, one per dialect: what the agent reads, and targets for what it may act on. A look
 * that a navigation interrupts is taken again until its deadline.
 */
import type { Observer } from '../chromium/view.ts'
import type { Addressing, ObservationDialect } from '../observation.ts'
import { axtreeObserver } from './axtree/index.ts'
import { cleanObserver } from './clean.ts'
import type { ObserverOptions } from './look.ts'
import { vabObserver } from './vab/index.ts'

export type { ObserverOptions } from './look.ts'

export function observer(
  dialect: ObservationDialect,
  addressing: Addressing,
  options: Partial<ObserverOptions> = {},
): Observer {
  switch (dialect) {
    case 'clean':
      return cleanObserver(addressing, options)
    case 'vab':
      return vabObserver(options)
    case 'axtree':
      return axtreeObserver(options)
  }
}
