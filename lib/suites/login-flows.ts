/**
 * How one logs in to each site of WebArena, as data: the form, a page only a user sees, and how a browser that is
 * logged out is recognised on it. A user's own site is described in the same way. Also the published accounts.
 */

/** An element of a login form: by its label, its placeholder, a button's name, or a CSS selector. */
export type FormElement =
  | { label: string }
  | { placeholder: string }
  | { button: string }
  | { selector: string }

export interface LoginFlow {
  /** Of the form, behind the site's URL. */
  path: string
  username: FormElement
  password: FormElement
  submit: FormElement
  /** A page that only somebody logged in sees, behind the site's URL; "{username}" is replaced. */
  probe: string
  /** Logged out: the probe ends at this path behind the site's URL, or shows this element. */
  loggedOut: { path: string } | { selector: string }
}

export interface Account {
  username: string
  password: string
}

/** The forms of the official images; elements as in https://github.com/web-arena-x/webarena (browser_env/auto_login.py). */
export const LOGIN_FLOWS: Readonly<Record<string, LoginFlow>> = {
  shopping: {
    path: '/customer/account/login/',
    username: { label: 'Email' },
    password: { label: 'Password' },
    submit: { button: 'Sign In' },
    probe: '/wishlist/',
    loggedOut: { path: '/customer/account/login' },
  },
  shopping_admin: {
    path: '/',
    username: { placeholder: 'user name' },
    password: { placeholder: 'password' },
    submit: { button: 'Sign in' },
    probe: '/dashboard',
    loggedOut: { selector: 'input[name="login[password]"]' },
  },
  reddit: {
    path: '/login',
    username: { label: 'Username' },
    password: { label: 'Password' },
    submit: { button: 'Log in' },
    probe: '/user/{username}/account',
    loggedOut: { path: '/login' },
  },
  gitlab: {
    path: '/users/sign_in',
    username: { selector: '#user_login' },
    password: { selector: '#user_password' },
    submit: { selector: '[data-testid="sign-in-button"], [name="commit"]' },
    probe: '/-/profile',
    loggedOut: { path: '/users/sign_in' },
  },
}

/** Accounts that the official images come with; they are public and protect nothing. */
export const PUBLISHED_ACCOUNTS: Readonly<Record<string, Account>> = {
  shopping: { username: 'emma.lopez@gmail.com', password: 'Password.123' },
  shopping_admin: { username: 'admin', password: 'admin1234' },
  reddit: { username: 'MarvelsGrantMan136', password: 'test1234' },
  gitlab: { username: 'byteblaze', password: 'hello1234' },
}

/** Headers by which the images of webarena-verified log in; the value is "user:password". */
export const AUTO_LOGIN_HEADERS: Readonly<Record<string, string>> = {
  shopping: 'X-M2-Customer-Auto-Login',
  shopping_admin: 'X-M2-Admin-Auto-Login',
  reddit: 'X-Postmill-Auto-Login',
}
