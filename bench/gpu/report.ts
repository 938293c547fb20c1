/**
 * One Markdown page of a run's entries: targets with their verdicts, figures of both sides with every ratio, checks,
 * and the profile of what was missed. Also a program that joins the entry files of several partial runs.
 * Run: node --import tsx bench/gpu/report.ts OUT.md FILE.jsonl...
 */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { markdownTable } from '../summary.ts'
import { datasheetPeak, MFU_FORMULA } from './flops.ts'
import { type Entry, readEntries } from './record.ts'
import { judge, type Outcome } from './targets.ts'

const number = (value: number) =>
  value === 0
    ? '0'
    : Math.abs(value) >= 100
      ? value.toLocaleString('en', { maximumFractionDigits: 0 })
      : Number(value.toPrecision(3)).toString()

/** "peakBytes" with 1.2e9 as ["peak GB", "1.2"]: units of names that end in one. */
function readable(key: string, value: number): [string, string] {
  const units: [RegExp, string, number][] = [
    [/^tokensPerSecond$/, 'tokens/s', 1],
    [/(.*)FlopsPerSecond$/, ' TFLOP/s', 1e-12],
    [/(.*)Bytes$/, ' GB', 1e-9],
    [/(.*)Seconds$/, ' ms', 1e3],
    [/(.*)GiB$/, ' GiB', 1],
  ]
  for (const [pattern, unit, factor] of units) {
    const match = pattern.exec(key)
    if (match) return [`${spaced(match[1] ?? '')}${unit}`.trim(), number(value * factor)]
  }
  return [spaced(key), number(value)]
}
const spaced = (key: string) => key.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`)

const words = (figures: Entry['figures']) =>
  Object.entries(figures)
    .map(([key, value]) => {
      const [name, text] = readable(key, value)
      return `${name} ${text}`
    })
    .join(', ')

interface Host {
  gpu: string
  /** In words: card, driver, LibTorch, Node and so on. */
  text: string
  shape: string
  /** Of the shape the targets are stated for, whole. */
  whole12b: boolean
  date: string
}

export function hostOf(entries: readonly Entry[]): Host {
  const found = entries.find(({ stage, name }) => stage === 'host' && name === 'machine')
  const text = found?.note ?? 'unknown machine'
  const bench = entries.find(({ stage, name }) => stage === 'host' && name === 'shape')
  return {
    gpu: text.split(';')[0]!.trim(),
    text,
    shape: bench?.note ?? 'not benchmarked',
    whole12b: bench?.figures.whole12b === 1,
    date: new Date((found?.figures.unixSeconds ?? Date.now() / 1000) * 1000).toISOString().slice(0, 10),
  }
}

/** A file name for this card and day. */
export function slug({ gpu, date }: Host): string {
  return `${gpu.toLowerCase().replace(/[^a-z0-9.]+/g, '-')}-${date}`
}

function targetsTable(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ target, verdict, value }) => [
    target.text,
    target.bound,
    value === undefined ? '–' : `${number(value)}${target.of === 'ratio' ? 'x' : ''}`,
    verdict,
  ])
  return markdownTable(['target', 'bound', 'measured', 'verdict'], rows)
}

function figuresTable(entries: readonly Entry[], peak: number | undefined): string {
  const bench = entries.filter(({ stage }) => stage === 'bench')
  const rows = [...new Set(bench.map(({ name }) => name))].map((name) => {
    const [mine, theirs] = (['mira', 'hf'] as const).map((side) =>
      bench.find((entry) => entry.name === name && entry.side === side),
    )
    const cell = (entry: Entry | undefined) => {
      if (!entry) return '–'
      const flops = entry.figures.modelFlopsPerSecond
      const mfu =
        flops !== undefined && peak !== undefined ? `MFU ${((100 * flops) / peak).toFixed(1)}%, ` : ''
      return entry.failed === undefined ? `${mfu}${words(entry.figures)}` : `failed: ${entry.failed}`
    }
    const rate = (entry: Entry | undefined) => entry?.figures.tokensPerSecond
    const ratio = (rate(mine) ?? Number.NaN) / (rate(theirs) ?? Number.NaN)
    const notes = [mine?.note, theirs?.note && `HF: ${theirs.note}`].filter(Boolean).join('; ')
    const shown = Number.isFinite(ratio) ? `${ratio.toFixed(2)}x` : '–'
    return [name, cell(mine), cell(theirs), shown, notes || '–']
  })
  return markdownTable(['measurement', 'mira', 'HF', 'ratio', 'settings'], rows)
}

function checksTable(entries: readonly Entry[], stage: Entry['stage']): string {
  const rows = entries
    .filter((entry) => entry.stage === stage)
    .map(({ name, ok, figures, note, failed }) => [
      name,
      ok === undefined ? '–' : ok ? 'green' : '**red**',
      words(figures) || '–',
      failed ?? note ?? '–',
    ])
  return markdownTable(['check', 'result', 'figures', 'note'], rows)
}

function profiles(entries: readonly Entry[], outcomes: readonly Outcome[]): string[] {
  const missed = new Set(
    outcomes.filter(({ verdict }) => verdict === 'missed').map(({ target }) => target.name),
  )
  return entries
    .filter(({ side, name, profile }) => side === 'mira' && profile && missed.has(name))
    .map(({ name, profile = [] }) => {
      const rows = profile.map(({ name: kernel, seconds, calls }) => [
        `\`${kernel.slice(0, 120).replaceAll('|', '\\|')}\``,
        number(seconds * 1e3),
        number(calls),
      ])
      return `### ${name}\n\n${markdownTable(['kernel', 'ms', 'calls'], rows)}`
    })
}

/** The whole page. */
export function page(entries: readonly Entry[]): string {
  const host = hostOf(entries)
  const outcomes = judge(entries, host.whole12b && /\bH200\b/.test(host.gpu))
  const peak = datasheetPeak(host.gpu)
  const has = (stage: Entry['stage']) => entries.some((entry) => entry.stage === stage)
  const red = entries.filter(({ ok }) => ok === false).length
  const checks = entries.filter(({ ok }) => ok !== undefined).length
  const missed = profiles(entries, outcomes)
  return `${[
    `# GPU path, ${host.gpu}, ${host.date}`,
    host.text,
    `Benchmark shape: ${host.shape}. Checks: ${checks - red} of ${checks} green.`,
    '## Targets',
    'Stated for Gemma3-12B, whole, on one H200; a run of another shape or card leaves them unmeasured.',
    targetsTable(outcomes),
    ...(has('bench')
      ? [
          '## Figures',
          'Random weights, bfloat16, one process after the other on the same device. A ratio is of tokens per second.',
          figuresTable(entries, peak),
          `${MFU_FORMULA} ${peak === undefined ? 'No data sheet is known for this device, so MFU is left out.' : `Here ${peak / 1e12} TFLOP/s.`}`,
        ]
      : []),
    ...(has('probe') ? ['## Probes', checksTable(entries, 'probe')] : []),
    ...(has('correctness') ? ['## Correctness', checksTable(entries, 'correctness')] : []),
    ...(missed.length > 0 ? ['## Where the time of missed targets goes', ...missed] : []),
    'Made by `npm run bench -- gpu` and `scripts/gpu/run.sh`; how to read and repeat it: docs/gpu.md.',
  ].join('\n\n')}\n`
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [out, ...files] = process.argv.slice(2)
  if (!out || files.length === 0) {
    console.error('report: expected OUT.md FILE.jsonl..., an output page and at least one file of entries')
    process.exit(2)
  }
  writeFileSync(out, page(readEntries(files)))
  console.log(`kept in ${out}`)
}
