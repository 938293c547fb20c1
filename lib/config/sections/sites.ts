/** The user's own WebArena sites: where they run, who logs in, and how they are put back into their first state. */
import { z } from 'zod'
import { count } from './numbers.ts'

const address = z.string().regex(/^https?:\/\/\S+$/, 'expected an http:// or https:// address')

const ready = z
  .strictObject({
    /** Asked until it answers as expected. */
    url: address,
    /** Statuses that mean ready; null = any below 400. */
    status: z.array(z.int()).min(1).nullable().default(null),
    /** Text the page must hold; null = any. */
    text: z.string().nullable().default(null),
    intervalMs: count.default(1000),
    deadlineMs: count.default(600_000),
  })
  .nullable()
  .default(null)

const reset = z
  .strictObject({
    /** Program and arguments, started without a shell. */
    command: z.array(z.string()).min(1).nullable().default(null),
    /** Address that is asked once, in place of a command. */
    request: address.nullable().default(null),
    /** Of the request. */
    method: z.string().min(1).default('POST'),
    deadlineMs: count.default(600_000),
    ready,
  })
  .superRefine(({ command, request }, context) => {
    if ((command === null) === (request === null)) {
      const input = command === null ? 'neither' : 'both'
      context.addIssue({ code: 'custom', path: [], message: 'expected either command or request', input })
    }
  })

/** A mapping by site. Keys may be written in either spelling, shopping_admin or shoppingAdmin. */
function bySite<T extends z.ZodType>(value: T) {
  return z
    .record(z.string(), value)
    .transform((map) =>
      Object.fromEntries(
        Object.entries(map).map(([site, own]) => [site.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), own]),
      ),
    )
    .prefault({})
}

export const sites = z
  .strictObject({
    /**
     * Base address by site: shopping, shopping_admin, reddit, gitlab, map, wikipedia, homepage; a list = several
     * containers of one site. Sites left out are taken from the environment (SHOPPING or WA_SHOPPING, and so on).
     */
    urls: bySite(z.union([address, z.array(address).min(1)])),
    /** Who logs in; sites left out use the published accounts. */
    accounts: bySite(
      z.strictObject({
        user: z.string().min(1),
        /** Name of the environment variable that holds the password. */
        passwordEnv: z.string().regex(/^\w+$/, 'expected the name of an environment variable'),
      }),
    ),
    /** forms: through each site's own page; headers: webarena-verified's log-in headers; none: as a visitor. */
    login: z.enum(['forms', 'headers', 'none']).default('forms'),
    /** Log in for every task, as the published harness does, instead of once per set of sites. */
    freshLogin: z.boolean().default(false),
    /** How a site is put back, where it can be. */
    reset: bySite(reset),
    /** Address of a server that puts back all sites at once (BrowserGym's WA_FULL_RESET); null = none. */
    fullReset: address.nullable().default(null),
  })
  .prefault({})
