/** What can be wrong with a suite: the user's files and settings, a login that fails, a site that does not come back. */
import { EnvironmentError } from '../web/errors.ts'

/** A task file, a URL or a setting that cannot be used; the message is one sentence that says what to do. */
export class SuiteInputError extends Error {
  readonly code = 'SUITE_INPUT'
  override name = 'SuiteInputError'
}

/** A login that did not succeed; names site and step, never the password. */
export class LoginError extends EnvironmentError {
  override readonly code = 'LOGIN'
  override name = 'LoginError'
}

/** A reset hook that failed or a site that did not answer afterwards. */
export class ResetError extends EnvironmentError {
  override readonly code = 'RESET'
  override name = 'ResetError'
}
