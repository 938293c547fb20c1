// Episode browser of the report page: filters, list, one step at a time. Runs in the page, without any library;
// writes text nodes and attributes only, never markup.
;(() => {
  const explorer = document.getElementById('explorer')
  if (!explorer) return
  const { pages, episodes } = JSON.parse(document.getElementById('episode-data').textContent)
  const list = document.getElementById('episode-list')
  const article = document.getElementById('episode')
  const count = document.getElementById('episode-count')
  const filters = [...explorer.querySelectorAll('select')]
  let shown = []
  let chosen = null
  let at = 0

  const element = (name, properties = {}, ...children) => {
    const made = document.createElement(name)
    for (const [key, value] of Object.entries(properties)) {
      if (key === 'onclick') made.addEventListener('click', value)
      else if (value !== undefined && value !== false) made.setAttribute(key, String(value))
    }
    made.append(...children.filter((child) => child !== undefined && child !== null && child !== false))
    return made
  }
  const svg = (name, properties, ...children) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name)
    for (const [key, value] of Object.entries(properties)) made.setAttribute(key, String(value))
    made.append(...children)
    return made
  }
  const signed = (value) =>
    value === undefined ? '–' : `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(3)}`
  const plain = (value) => (value === undefined ? '–' : value.toFixed(3))
  const phaseName = (phase) => (phase === 0 ? 'imitation' : `phase ${phase}`)
  const played = (episode) => episode.played ?? phaseName(episode.phase)
  /** Position of the step that decided a failure; undefined where none is known. */
  const keyStep = (episode) => (episode?.failure?.keyStep ? episode.failure.keyStep - 1 : undefined)
  const outcome = (episode) => (episode.success ? 'success' : 'failure')

  function refilter() {
    const wanted = Object.fromEntries(filters.map((select) => [select.dataset.filter, select.value]))
    shown = episodes.filter(
      (episode) =>
        (!wanted.phase || String(episode.phase) === wanted.phase) &&
        (!wanted.site || episode.site === wanted.site) &&
        (!wanted.split || episode.split === wanted.split) &&
        (!wanted.outcome || outcome(episode) === wanted.outcome) &&
        (!wanted.failure || episode.failure?.class === wanted.failure),
    )
    count.textContent = `${shown.length} episode${shown.length === 1 ? '' : 's'}`
    list.replaceChildren(...shown.map(row))
    choose(shown.includes(chosen) ? chosen : shown[0])
  }

  function row(episode) {
    const mark = element('span', {
      class: episode.success ? 'ok' : 'bad',
      'aria-label': outcome(episode),
    })
    mark.textContent = episode.success ? '✓' : '✗'
    const note = `${played(episode)} · ${episode.site} · ${episode.steps.length} steps`
    return element(
      'li',
      {},
      element(
        'button',
        { type: 'button', onclick: () => choose(episode) },
        mark,
        element('span', {}, episode.intent, element('br'), element('small', {}, note)),
      ),
    )
  }

  function choose(episode) {
    chosen = episode
    at = keyStep(episode) ?? 0
    for (const [index, item] of [...list.children].entries()) {
      const button = item.firstElementChild
      if (shown[index] === episode) button.setAttribute('aria-current', 'true')
      else button.removeAttribute('aria-current')
    }
    draw()
  }

  /** Text with the element the action names marked; page markup broken into lines. */
  function pageText(text, action) {
    const node = element('pre', {
      class: 'page',
      tabindex: '0',
      'aria-label': 'Page',
    })
    const lines = text.replace(/\s*(<(?!\/))/g, '\n$1').trim()
    const target = /element="((?:[^"\\]|\\.)*)"/.exec(action)?.[1]
    const position =
      target && /\D/.test(target) ? lines.indexOf(target) : target ? lines.indexOf(`id="${target}"`) : -1
    if (position < 0) node.append(lines)
    else {
      const end = position + (/\D/.test(target) ? target.length : target.length + 5)
      node.append(lines.slice(0, position), element('mark', {}, lines.slice(position, end)), lines.slice(end))
    }
    return node
  }

  /** V and P over the steps, the current one marked. */
  function trace(episode) {
    const known = episode.steps.filter((step) => step.learning)
    if (known.length < 2) return null
    const width = 660
    const height = 92
    const x = (index) => 40 + (index * (width - 52)) / Math.max(1, episode.steps.length - 1)
    const y = (share) => 10 + (1 - share) * (height - 20)
    const line = (key, colour, dash) => {
      const points = episode.steps.flatMap((step, index) =>
        step.learning ? [`${x(index)},${y(step.learning[key])}`] : [],
      )
      return svg('polyline', {
        points: points.join(' '),
        fill: 'none',
        stroke: colour,
        'stroke-width': 2,
        'stroke-dasharray': dash,
      })
    }
    const drawing = svg(
      'svg',
      {
        viewBox: `0 0 ${width} ${height}`,
        role: 'img',
        'aria-label': 'Value and potential over the steps',
      },
      ...[0, 0.5, 1].flatMap((share) => {
        const tick = svg('text', {
          x: 32,
          y: y(share) + 4,
          'text-anchor': 'end',
          'font-size': 11,
          fill: 'var(--soft)',
        })
        tick.textContent = share
        return [
          svg('line', {
            x1: 40,
            x2: width - 12,
            y1: y(share),
            y2: y(share),
            stroke: 'var(--rule)',
          }),
          tick,
        ]
      }),
      svg('line', {
        x1: x(at),
        x2: x(at),
        y1: 4,
        y2: height - 4,
        stroke: 'var(--ink)',
        'stroke-dasharray': '2 3',
      }),
      line('value', 'var(--blue)', ''),
      line('potential', 'var(--green)', '6 3'),
    )
    const key = (name, colour, dashed) =>
      element(
        'li',
        {},
        element('span', {
          class: dashed ? 'key dashed' : 'key',
          style: `color:${colour}`,
        }),
        name,
      )
    const legend = element(
      'ul',
      { class: 'legend' },
      key('value V', 'var(--blue)'),
      key('potential P', 'var(--green)', true),
    )
    return element('div', { class: 'trace' }, legend, drawing)
  }

  function figures(step) {
    const learning = step.learning ?? {}
    const rows = [
      ['value V', plain(learning.value)],
      ['potential P', plain(learning.potential)],
      ['auxiliary reward', signed(learning.auxiliary)],
      ["shaped reward r'", signed(learning.reward)],
      ['advantage A', signed(learning.advantage)],
      ['log-ratio', signed(learning.logRatio)],
      ['log-probability', signed(step.logprob)],
    ]
    // Without learning there is only what the policy itself said.
    const known = step.learning ? rows : step.reply === undefined ? rows.slice(-1) : []
    return element(
      'table',
      { class: 'figures' },
      element(
        'tbody',
        {},
        ...known.map(([name, value]) =>
          element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, value)),
        ),
      ),
    )
  }

  function milestones(episode, index) {
    const before = new Set(index > 0 ? episode.steps[index - 1].reached : [])
    const now = new Set(episode.steps[index].reached)
    return element(
      'ul',
      { class: 'checks', 'aria-label': 'Milestones after this step' },
      ...episode.milestones.map((text, k) => {
        const done = now.has(k)
        const state = done ? (before.has(k) ? 'done' : 'done new') : ''
        return element(
          'li',
          { class: state },
          element('span', { role: 'img', 'aria-label': done ? 'complete' : 'open' }, done ? '●' : '○'),
          element('span', {}, text),
        )
      }),
    )
  }

  /** What a planner believed before this action, and what it told the agent. */
  function plan({ plan }) {
    if (!plan) return []
    const list = element(
      'ul',
      { class: 'checks plan', 'aria-label': 'Checklist before this step' },
      ...plan.milestones.map((text, k) => {
        const done = plan.z[k] === 1
        const label = done ? 'believed complete' : k === plan.target ? 'aimed at' : 'open'
        return element(
          'li',
          { class: done ? 'done' : k === plan.target ? 'target' : '' },
          element('span', { role: 'img', 'aria-label': label }, done ? '●' : k === plan.target ? '▸' : '○'),
          element('span', {}, text),
        )
      }),
    )
    const said = [plan.next && `Next: ${plan.next}`, plan.note && `Because: ${plan.note}`].filter(Boolean)
    return [
      element('h4', {}, 'Planner, before this step'),
      list,
      ...said.map((line) => element('p', { class: 'soft' }, line)),
    ]
  }

  function draw() {
    if (!chosen) {
      article.replaceChildren(element('p', { class: 'empty' }, 'No episode fits these filters.'))
      return
    }
    const episode = chosen
    const focused =
      article.contains(document.activeElement) && document.activeElement.dataset.step !== undefined
    const result = element(
      'span',
      { class: episode.success ? 'ok' : 'bad' },
      episode.success ? '✓ success' : '✗ failure',
    )
    const facts = [
      played(episode),
      episode.site,
      `${episode.split} split`,
      episode.template,
      `ended by ${episode.end}`,
    ]
    const head = [
      element('h3', {}, episode.intent),
      element('div', { class: 'badges' }, result, ...facts.map((fact) => element('span', {}, fact))),
      ...(episode.failure ? [element('p', { class: 'diagnosis' }, episode.failure.summary)] : []),
    ]
    const step = episode.steps[at]
    if (!step) {
      article.replaceChildren(
        ...head,
        element('p', { class: 'empty' }, 'This episode ended before its first step.'),
      )
      return
    }
    const buttons = episode.steps.map((candidate, index) => {
      const fresh = candidate.reached.length > (index > 0 ? episode.steps[index - 1].reached.length : 0)
      const marks = [candidate.error ? 'failed' : fresh && 'reached', index === keyStep(episode) && 'key']
      const words = [
        candidate.error ? ', failed' : fresh ? ', milestone reached' : '',
        index === keyStep(episode) ? ', key step of the failure' : '',
      ]
      return element(
        'button',
        {
          type: 'button',
          'data-step': index,
          class: marks.filter(Boolean).join(' ') || undefined,
          'aria-current': index === at ? 'step' : undefined,
          'aria-label': `step ${index + 1}${words.join('')}`,
          onclick: () => go(index),
        },
        String(index + 1),
      )
    })
    const left = element(
      'div',
      { 'aria-live': 'polite' },
      element('p', { class: 'url' }, step.url),
      pageText(pages[step.page], step.action),
      element('pre', { class: 'action', 'aria-label': 'Action' }, step.action),
      step.error && element('p', { class: 'bad' }, step.error),
      step.reply && element('pre', { class: 'reply', 'aria-label': 'Reply' }, step.reply),
    )
    const right = element('div', {}, milestones(episode, at), ...plan(step), figures(step))
    const verdict =
      at === episode.steps.length - 1 ? episode.details.map((line) => element('li', {}, line)) : []
    article.replaceChildren(
      ...head,
      element('div', { class: 'steps', role: 'group', 'aria-label': 'Steps' }, ...buttons),
      ...[trace(episode)].filter(Boolean),
      element('div', { class: 'panel' }, left, right),
      ...(verdict.length > 0
        ? [element('ul', { class: 'details', 'aria-label': 'Evaluation' }, ...verdict)]
        : []),
    )
    if (focused) article.querySelector(`[data-step="${at}"]`)?.focus()
  }

  function go(index) {
    at = Math.max(0, Math.min(index, chosen.steps.length - 1))
    draw()
  }

  document.addEventListener('keydown', (event) => {
    if (
      event.altKey ||
      event.ctrlKey ||
      event.metaKey ||
      /^(SELECT|INPUT|TEXTAREA)$/.test(event.target.tagName)
    )
      return
    const box = explorer.getBoundingClientRect()
    if (!chosen || box.bottom < 0 || box.top > innerHeight) return
    if (event.key === 'ArrowLeft') go(at - 1)
    else if (event.key === 'ArrowRight') go(at + 1)
    else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && list.contains(event.target)) {
      const next = shown[shown.indexOf(chosen) + (event.key === 'ArrowDown' ? 1 : -1)]
      if (!next) return
      choose(next)
      list.children[shown.indexOf(next)].firstElementChild.focus()
    } else return
    event.preventDefault()
  })
  for (const select of filters) select.addEventListener('change', refilter)
  explorer.hidden = false
  refilter()
})()
