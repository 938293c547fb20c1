/** How long a server asks to be left alone, in seconds, from its headers or Google's RetryInfo; undefined = not said. */

export function retryAfterSeconds(
  headers: Readonly<Record<string, string>> | undefined,
  body: unknown,
  now: Date = new Date(),
): number | undefined {
  const get = (name: string) =>
    Object.entries(headers ?? {})
      .find(([key]) => key.toLowerCase() === name)?.[1]
      ?.trim()
  // https://www.rfc-editor.org/rfc/rfc9110#name-retry-after: seconds or an HTTP date.
  const milliseconds = decimal(get('retry-after-ms'))
  if (milliseconds !== undefined) return milliseconds / 1000
  const value = get('retry-after')
  if (value !== undefined) {
    const seconds = decimal(value)
    if (seconds !== undefined) return seconds
    // Date.parse takes "-3" for a month.
    const date = /[A-Za-z]/.test(value) ? Date.parse(value) : Number.NaN
    if (Number.isFinite(date)) return Math.max(0, (date - now.getTime()) / 1000)
  }
  return googleRetryDelay(body)
}

function decimal(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined
}

/** google.rpc.RetryInfo among the error's details: { retryDelay: "17s" }. */
function googleRetryDelay(body: unknown): number | undefined {
  const details = (body as { error?: { details?: unknown } } | undefined)?.error?.details
  if (!Array.isArray(details)) return undefined
  for (const detail of details) {
    const delay = (detail as { retryDelay?: unknown } | null)?.retryDelay
    const seconds = typeof delay === 'string' ? decimal(/^(.*)s$/.exec(delay)?.[1]) : undefined
    if (seconds !== undefined) return seconds
  }
  return undefined
}
