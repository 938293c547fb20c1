/**
 * Keeps secrets out of everything that leaves this room: replaces known keys, in the spellings a server or a library
 * may echo, in texts and in whole chains of causes. Knows only the secrets it is given.
 */

export interface Redact {
  (text: string): string
  /** Of a text that goes on: how much of its beginning no secret reaches beyond, whatever follows. Characters. */
  settled(text: string): number
}

const MASK = '[key]'
/** Shorter "keys" (EMPTY, none) are placeholders of local servers and ordinary words of replies. */
const SHORTEST = 8
const SECRET_NAME = /(API_?KEY|SECRET|TOKEN|PASSWORD)$/i
const SHORTEST_UNNAMED = 16
const DEEPEST_CAUSE = 5

/** Values of the named environment variables, and of those whose names say that they hold a secret. */
export function secretsOf(env: NodeJS.ProcessEnv, names: readonly string[]): string[] {
  const secrets = new Set<string>()
  for (const [name, value = ''] of Object.entries(env)) {
    const secret = value.trim()
    const least = names.includes(name) ? SHORTEST : SECRET_NAME.test(name) ? SHORTEST_UNNAMED : Infinity
    if (secret.length >= least) secrets.add(secret)
  }
  return [...secrets]
}

/** Replaces the secrets wherever they stand: plain, percent-encoded, in base64, or escaped in JSON. */
export function redactor(secrets: readonly string[]): Redact {
  const spellings = new Set<string>()
  for (const secret of secrets) {
    spellings.add(secret)
    spellings.add(encodeURIComponent(secret))
    spellings.add(JSON.stringify(secret).slice(1, -1))
    spellings.add(Buffer.from(secret).toString('base64').replace(/=+$/, ''))
  }
  // Longest first: a key that begins with another is replaced whole.
  const ordered = [...spellings].sort((a, b) => b.length - a.length)
  const redact = (text: string) => ordered.reduce((clean, spelling) => clean.replaceAll(spelling, MASK), text)
  return Object.assign(redact, { settled: (text: string) => settled(text, ordered) })
}

function settled(text: string, spellings: readonly string[]): number {
  let cut = text.length
  for (const spelling of spellings) {
    let begun = Math.min(spelling.length - 1, text.length)
    while (begun > 0 && !text.endsWith(spelling.slice(0, begun))) begun--
    cut = Math.min(cut, text.length - begun)
  }
  // The end of a whole secret may be the beginning of another: it is kept in one piece.
  for (let previous = -1; previous !== cut; ) {
    previous = cut
    for (const spelling of spellings) {
      const across = text.indexOf(spelling, Math.max(0, cut - spelling.length + 1))
      if (across >= 0 && across < cut) cut = across
    }
  }
  return cut
}

/**
 * An error that says what `error` said without what it held: requests, headers and bodies stay behind, names, codes,
 * messages and stacks pass redacted.
 */
export function redactedCause(error: unknown, redact: Redact, depth = 0): Error | undefined {
  if (error === undefined || error === null || depth >= DEEPEST_CAUSE) return undefined
  if (!(error instanceof Error)) return new Error(redact(String(error)))
  const cause = redactedCause(error.cause, redact, depth + 1)
  const clean = new Error(redact(error.message), cause && { cause })
  clean.name = redact(error.name)
  if (error.stack !== undefined) clean.stack = redact(error.stack)
  const code = (error as NodeJS.ErrnoException).code
  return typeof code === 'string' ? Object.assign(clean, { code: redact(code) }) : clean
}
