/** Amounts of memory as text, both ways. GB is 1e9 bytes, GiB 2^30. */

const UNITS: Record<string, number> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** "139GiB", "24 GB", "512MiB", or plain bytes; undefined when it is none of them. */
export function parseBytes(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  if (!match) return undefined
  const unit = UNITS[(match[2] || 'b').toLowerCase()]
  return unit === undefined ? undefined : Math.floor(Number(match[1]) * unit)
}

/** "23.5 GB", "872 MB", "4.1 kB", "0". */
export function formatBytes(bytes: number): string {
  const size = Math.abs(bytes)
  if (size >= 99.95e9) return `${(bytes / 1e9).toFixed(0)} GB`
  if (size >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`
  if (size >= 1e6) return `${(bytes / 1e6).toFixed(0)} MB`
  if (size >= 1e3) return `${(bytes / 1e3).toFixed(1)} kB`
  return bytes === 0 ? '0' : `${bytes} B`
}
