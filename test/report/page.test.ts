/** The report page: complete, escaped, self-contained, small; the episode browser runs. */
import { createHash } from 'node:crypto'
import { parseHTML } from 'linkedom'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  phaseHeatMaps,
  potentialCalibrations,
  SAMPLE_LIMITS,
  sampleEpisodes,
  valueCalibrations,
} from '../../lib/report/assemble.ts'
import { thinCurve } from '../../lib/report/curves.ts'
import type { ReportData } from '../../lib/report/data.ts'
import { reportPage } from '../../lib/report/page/document.tsx'
import { HOSTILE, syntheticRecords } from './synthetic.ts'

const records = syntheticRecords({ phases: 4, perPhase: 75 })

function data(): ReportData {
  return {
    run: { name: HOSTILE, preset: 'embedded', seed: 1, seconds: 800, facts: [['CPU', HOSTILE]] },
    phases: [0, 1, 2, 3].map((phase) => ({
      phase,
      test: { successes: 100 + 20 * phase, episodes: 240 },
      validation: { successes: 50 + 10 * phase, episodes: 120 },
      novel: { successes: 30, episodes: 120 },
      ...(phase > 0 && { rollout: { successes: 60, episodes: 160 } }),
      sites: [
        { site: 'shop', rate: { successes: 20, episodes: 48 } },
        { site: 'map', rate: { successes: 0, episodes: 0 } },
      ],
    })),
    bestPhase: 2,
    heatMaps: phaseHeatMaps(records.map(({ episode }) => episode)),
    training: [
      {
        title: 'Imitation',
        label: 'gradient norm',
        logarithmic: true,
        series: [
          thinCurve(
            'norm',
            Array.from({ length: 900 }, (_, step) => ({ step, value: 1 + 1 / (1 + step) })),
          ),
        ],
      },
      {
        title: 'Actor',
        label: 'loss',
        series: [{ name: HOSTILE, points: [{ step: 1, value: Number.NaN }] }],
      },
    ],
    valueCalibration: valueCalibrations(records),
    potentialCalibration: potentialCalibrations(records),
    episodes: sampleEpisodes(records),
    episodesInRun: records.length,
  }
}

/** linkedom has no layout and no keyboard focus; the browser script needs neither to fill the page. */
function open(html: string) {
  const { document, window } = parseHTML(html)
  const script = [...document.querySelectorAll('script')].at(-1)!
  return { document, window, source: script.textContent! }
}

describe('report page', () => {
  let html: string
  beforeAll(() => {
    html = reportPage(data())
  })

  test('has every section with a heading and every chart with a name and a description', () => {
    const { document } = open(html)
    const sections = [...document.querySelectorAll('section')]
    expect(sections.map((section) => section.id)).toEqual([
      'success',
      'sites',
      'milestones',
      'training',
      'calibration',
      'episodes',
      'run',
    ])
    for (const section of sections) {
      expect(document.getElementById(section.getAttribute('aria-labelledby')!)?.textContent).toBeTruthy()
    }
    const charts = [...document.querySelectorAll('svg')]
    // success twice (wide and narrow), one site with episodes, four heat maps, two training panels, two critics
    expect(charts.length).toBe(2 + 1 + 4 + 2 + 2)
    for (const chart of charts) {
      expect(chart.getAttribute('role')).toBe('img')
      expect(chart.querySelector('title')?.textContent).toBeTruthy()
      expect(chart.querySelector('desc')?.textContent).toBeTruthy()
    }
    for (const link of document.querySelectorAll('nav a')) {
      expect(document.querySelector(link.getAttribute('href')!)?.id).toBeTruthy()
    }
  })

  test('shows the rates with their Wilson intervals and marks the kept phase', () => {
    const { document } = open(html)
    const rows = [...document.querySelectorAll('#success tbody tr')].map((row) => row.textContent)
    expect(rows[0]).toContain('41.7% [36%, 48%] of 240')
    expect(rows[2]).toContain('phase 2 (kept)')
    expect(document.querySelector('.tile.accent')?.textContent).toContain('+16.7')
  })

  test('loads nothing: no external reference, and a policy that would refuse one', () => {
    const { document, source } = open(html)
    expect(
      document.querySelectorAll('link, iframe, object, embed, img, script[src], base, form'),
    ).toHaveLength(0)
    for (const node of document.querySelectorAll('*')) {
      for (const name of ['src', 'href', 'xlink:href', 'srcset', 'action', 'data']) {
        const value = node.getAttribute(name)
        if (value !== null) expect(value).toMatch(/^#/)
      }
      expect([...node.attributes].filter(({ name }) => name.startsWith('on'))).toEqual([])
    }
    for (const style of document.querySelectorAll('style'))
      expect(style.textContent).not.toMatch(/url\(|@import/)
    const policy = document.querySelector('meta[http-equiv]')!.getAttribute('content')!
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain(`'sha256-${createHash('sha256').update(source).digest('base64')}'`)
  })

  test('escapes every text of the run', () => {
    expect(html).not.toContain('<img')
    expect(html.match(/<\/script>/g)).toHaveLength(2)
    const { document } = open(html)
    expect(document.querySelector('h1')?.textContent).toBe(HOSTILE)
    const payload = JSON.parse(document.getElementById('episode-data')!.textContent!)
    expect(payload.episodes.some((episode: { intent: string }) => episode.intent === HOSTILE)).toBe(true)
  })

  test('stays under 2 MB with 200 episodes', () => {
    const { document } = open(html)
    expect(JSON.parse(document.getElementById('episode-data')!.textContent!).episodes).toHaveLength(
      SAMPLE_LIMITS.episodes,
    )
    expect(Buffer.byteLength(html)).toBeLessThan(2e6)
  })

  test('the browser script fills list and episode, and writes no markup', () => {
    const { document, source } = open(html)
    const run = new Function('document', 'innerHeight', source)
    run(document, 800)
    expect(document.querySelectorAll('#episode-list li')).toHaveLength(SAMPLE_LIMITS.episodes)
    expect(document.getElementById('explorer')!.hasAttribute('hidden')).toBe(false)
    const list = [...document.querySelectorAll('#episode-list button')]
    const hostile = list.find((button) => button.textContent!.includes('onerror'))!
    hostile.dispatchEvent(new (document.defaultView as unknown as { Event: typeof Event }).Event('click'))
    expect(document.querySelector('#episode h3')?.textContent).toBe(HOSTILE)
    expect(document.querySelectorAll('#episode img')).toHaveLength(0)
    expect(document.querySelectorAll('#episode .checks li')).toHaveLength(4)
    expect(document.querySelector('#episode .page')?.textContent).toContain('red lamp')
  })

  test('a run without anything yet says so in every section', () => {
    const empty: ReportData = {
      run: { name: 'new', facts: [] },
      phases: [],
      heatMaps: [],
      training: [],
      valueCalibration: [],
      potentialCalibration: [],
      episodes: [],
      episodesInRun: 0,
    }
    const { document } = open(reportPage(empty))
    expect(document.querySelectorAll('section .empty')).toHaveLength(7)
    expect(document.querySelectorAll('svg')).toHaveLength(0)
  })
})
