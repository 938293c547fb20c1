/** Who logs in to the sites, passwords taken from the environment, so that no file of an evaluation holds one. */
import { ConfigError } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'
import type { Account } from '../suites/login-flows.ts'

/** @throws ConfigError naming the variable that is missing */
export function accountsOf(
  { sites }: Config,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, Account> {
  return Object.fromEntries(
    Object.entries(sites.accounts).map(([site, { user, passwordEnv }]) => {
      const password = environment[passwordEnv]
      if (!password) {
        throw new ConfigError(
          `sites.accounts.${site}.passwordEnv: expected the password of ${user} in the environment variable ${passwordEnv}, it is not set`,
        )
      }
      return [site, { username: user, password }]
    }),
  )
}
