// Drives a real web application with the Chromium driver: logs in, searches, reads and edits Debian's DokuWiki, and
// scores right and wrong endings of string, url and program_html tasks. Prints one line per task; exits with 1 when
// a score is not the expected one.
//
//   node --import tsx scripts/webapp/dokuwiki.ts install     once, as root
//   node --import tsx scripts/webapp/check.ts [--port 8340] [--headed]
import { parseArgs } from 'node:util'
import { evaluate } from '../../lib/tasks/evaluate.ts'
import { type EvalSpec, type Task, task as taskSchema } from '../../lib/tasks/task.ts'
import type { Action } from '../../lib/web/action.ts'
import { chromiumDriver } from '../../lib/web/chromium/driver.ts'
import { ACCOUNTS, serveDokuWiki, WebAppError } from './dokuwiki.ts'

interface Ending {
  name: string
  actions: Action[]
  expected: 0 | 1
}

interface Trial {
  intent: string
  eval: Partial<EvalSpec>
  endings: Ending[]
}

const click = (element: string): Action => ({ kind: 'click', element })
const type = (element: string, argument: string): Action => ({ kind: 'type', element, argument })
const exit = (message: string): Action => ({ kind: 'exit', message })

const logIn: Action[] = [
  click('Log In'),
  type('Username', 'editor'),
  type('Password', ACCOUNTS.editor.password),
  // The button has the link's name; Enter in the field says the same.
  { kind: 'press_enter' },
]

const search = (text: string): Action[] => [{ kind: 'search', element: 'Search', argument: text }]

function trials(origin: string): Trial[] {
  const at = (id: string) => `${origin}/doku.php?id=${id}`
  return [
    {
      intent: 'What does a berth cost a night?',
      eval: { eval_types: ['string_match'], reference_answers: { must_include: ['42'] } },
      endings: [
        { name: 'right answer', actions: [click('handbook'), exit('42 crowns')], expected: 1 },
        { name: 'wrong answer', actions: [click('handbook'), exit('24 crowns')], expected: 0 },
        { name: 'a number that holds it', actions: [exit('It is 420.')], expected: 0 },
      ],
    },
    {
      intent: 'Who is the harbour master?',
      eval: { eval_types: ['string_match'], reference_answers: { exact_match: 'Marit Lund' } },
      endings: [
        { name: 'right answer', actions: [exit('Marit Lund')], expected: 1 },
        { name: 'more than the answer', actions: [exit('The harbour master is Marit Lund')], expected: 0 },
      ],
    },
    {
      intent: 'Search for the boat of 1961 and open its page.',
      eval: { eval_types: ['url_match'], reference_url: at('boats:skarv'), url_note: 'GOLD in PRED' },
      endings: [
        { name: 'found', actions: [...search('wooden'), click('skarv'), exit('done')], expected: 1 },
        { name: 'only searched', actions: [...search('wooden'), exit('done')], expected: 0 },
      ],
    },
    {
      intent: 'Add the high water of Wednesday, 08:10, to the page on tides.',
      eval: {
        eval_types: ['program_html'],
        program_html: [
          {
            url: at('tides'),
            locator: "document.querySelector('.dokuwiki .page').innerText",
            required_contents: { must_include: ['Wednesday at 08:10', '06:40'] },
          },
        ],
      },
      endings: [
        {
          name: 'not logged in',
          actions: [click('tides'), click('Show pagesource [v]'), exit('done')],
          expected: 0,
        },
        {
          name: 'previewed, not saved',
          actions: [
            ...logIn,
            click('tides'),
            click('Edit this page [e]'),
            { kind: 'type', element: 'wikitext', argument: '\nOn Wednesday at 08:10.', append: true },
            click('Preview'),
            exit('done'),
          ],
          expected: 0,
        },
        {
          name: 'saved',
          actions: [
            ...logIn,
            click('tides'),
            click('Edit this page [e]'),
            { kind: 'type', element: 'wikitext', argument: '\nOn Wednesday at 08:10.', append: true },
            click('Save'),
            exit('done'),
          ],
          expected: 1,
        },
      ],
    },
    {
      intent: 'Show the list of boats and say how long Terne is.',
      eval: {
        eval_types: ['string_match', 'url_match'],
        reference_answers: { must_include: ['7 m'] },
        reference_url: at('boats:list'),
      },
      endings: [
        { name: 'both', actions: [click('list'), exit('Terne is 7 m long')], expected: 1 },
        { name: 'answer from another page', actions: [exit('Terne is 7 m long')], expected: 0 },
      ],
    },
  ]
}

function taskOf(origin: string, trial: Trial, id: number): Task {
  return taskSchema.parse({
    sites: ['wiki'],
    task_id: id,
    require_login: false,
    storage_state: null,
    start_url: `${origin}/doku.php?id=start`,
    geolocation: null,
    intent_template: trial.intent,
    instantiation_dict: {},
    intent: trial.intent,
    require_reset: false,
    intent_template_id: id,
    eval: { reference_answers: null, reference_url: '', program_html: [], ...trial.eval },
  })
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { port: { type: 'string' }, headed: { type: 'boolean' } } })
  const wiki = await serveDokuWiki({ port: Number(values.port ?? 8340) })
  const driver = chromiumDriver({ headless: !values.headed, poolSize: 1 })
  let wrong = 0
  try {
    for (const [id, trial] of trials(wiki.origin).entries()) {
      const task = taskOf(wiki.origin, trial, id)
      for (const { name, actions, expected } of trial.endings) {
        const session = await driver.open(task, { addressing: 'name' })
        const problems: string[] = []
        let answer = ''
        try {
          for (const action of actions) {
            if (action.kind === 'exit') answer = action.message
            else {
              await session.observe()
              const outcome = await session.act(action)
              if (!outcome.ok) problems.push(outcome.error)
            }
          }
          const { score } = await evaluate(task, { answer, pages: session })
          const good = score === expected && problems.length === 0
          if (!good) wrong++
          console.log(
            `${good ? 'ok   ' : 'WRONG'} ${trial.eval.eval_types?.join('+')}, ${name}: score ${score}, expected ${expected}`,
          )
          for (const problem of problems) console.log(`        ${problem}`)
          if (!good) console.log((await session.observe()).text.slice(0, 3000))
        } finally {
          await session.close()
        }
      }
    }
  } finally {
    await driver.close()
    await wiki.close()
  }
  console.log(wrong === 0 ? 'all scores as expected' : `${wrong} scores not as expected`)
  return wrong === 0 ? 0 : 1
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof WebAppError ? error.message : error)
  return 1
})
