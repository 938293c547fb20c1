/** The 165 tasks of WebArena-Lite: all are valid, all are scorable or say why not, and the published counts hold. */
import { describe, expect, test } from 'vitest'
import { evaluate, type Question } from '../../lib/tasks/evaluate.ts'
import { type Task, task as taskSchema } from '../../lib/tasks/task.ts'
import { fakePages, GOLDEN_HINT, goldenMissing, readGolden, taskWith } from './kit.ts'

const raw: unknown[] = goldenMissing ? [] : readGolden('test_webarena_lite.raw.json')

function counted(values: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}

describe.skipIf(goldenMissing)(`WebArena-Lite (${GOLDEN_HINT})`, () => {
  const tasks = raw.map((one) => taskSchema.parse(one))

  test('all tasks validate and nothing of them is lost', () => {
    expect(tasks).toHaveLength(165)
    expect(tasks).toEqual(raw)
  })
  test('evaluators, requirements and sites come to the published counts', () => {
    expect(counted(tasks.map((task) => task.eval.eval_types.join('+')))).toEqual({
      string_match: 78,
      program_html: 48,
      'url_match+program_html': 19,
      url_match: 18,
      'string_match+url_match': 2,
    })
    const answers = tasks.flatMap((task) => Object.keys(task.eval.reference_answers ?? {}))
    expect(counted(answers)).toEqual({ exact_match: 7, must_include: 38, fuzzy_match: 36 })
    const targets = tasks.flatMap((task) => task.eval.program_html)
    expect(targets).toHaveLength(90)
    expect(counted(targets.flatMap((target) => Object.keys(target.required_contents)))).toEqual({
      must_include: 59,
      exact_match: 27,
      fuzzy_match: 4,
    })
    expect(counted(tasks.map((task) => task.sites.join('+')))).toEqual({
      shopping: 45,
      shopping_admin: 35,
      gitlab: 30,
      map: 26,
      reddit: 19,
      'wikipedia+map': 3,
      'map+wikipedia': 1,
      'gitlab+reddit': 2,
      'reddit+gitlab': 2,
      'shopping+reddit': 1,
      'map+shopping_admin': 1,
    })
    expect(counted(tasks.map((task) => String(task.storage_state)))).toMatchObject({ null: 31 })
  })

  /** Which tasks ask a judge, given an answer of no meaning and pages that hold the asked-for values. */
  async function judged(dialect: 'vab' | 'webarena' | 'browsergym') {
    const asked = new Map<Task['task_id'], Question[]>()
    const refused: Task['task_id'][] = []
    for (const task of tasks) {
      const questions: Question[] = []
      const judge = async (question: Question) => questions.push(question) > 0
      const helpers = { shopping_get_latest_order_url: async () => 'http://shop/order/1/' }
      const evidence = { answer: 'something', pages: fakePages('http://h/f/a/1/b'), judge, helpers }
      await evaluate(task, evidence, { dialect, stock: true }).catch(() => refused.push(task.task_id))
      if (questions.length > 0) asked.set(task.task_id, questions)
    }
    return { asked, refused }
  }

  test('40 need a judge, one of them for the reason only; one is refused by the stock rules', async () => {
    const { asked, refused } = await judged('vab')
    expect([...asked.keys()]).toEqual([
      1, 3, 5, 6, 7, 10, 11, 16, 18, 19, 22, 24, 26, 28, 30, 34, 35, 38, 42, 44, 48, 51, 52, 53, 54, 57, 61,
      64, 69, 79, 80, 84, 85, 89, 91, 114, 123, 139, 140, 142,
    ])
    expect([...asked.values()].every((questions) => questions.length === 1)).toBe(true)
    expect([...asked].filter(([, [question]]) => question?.kind === 'ua').map(([id]) => id)).toEqual([114])
    expect(refused).toEqual([81])
  })
  test('WebArena refuses the four judged pages too; BrowserGym scores all', async () => {
    expect((await judged('webarena')).refused).toEqual([81, 123, 139, 140, 142])
    expect((await judged('browsergym')).refused).toEqual([])
  })
  test('the bare string of task 81 is repaired unless the stock rules are asked for', async () => {
    const task = tasks[81] as Task
    const score = async (answer: string) =>
      (await evaluate(task, { answer, pages: fakePages('http://h/') })).score
    expect([await score('yjlou'), await score('it is yjlou2')]).toEqual([1, 0])
  })
})

describe('other forms of tasks', () => {
  test("WebRL's generated tasks", () => {
    const generated = {
      ...taskWith({
        reference_answers: { exact_match: 'N/A' },
        string_note: '',
        reference_answer_raw_annotation: '',
      }),
      sites: ['reddit'],
      intent_template: '',
      intent_template_id: 0,
    }
    expect('old_task_id' in generated).toBe(false)
    expect(taskSchema.safeParse(generated).success).toBe(true)
  })
  test("VisualWebArena's extras are kept, its image questions are refused", async () => {
    const extras = {
      viewport_size: { width: 1280, height: 720 },
      image: ['http://h/a.png'],
      comments: '',
      reasoning_difficulty: 'easy',
      visual_difficulty: 'hard',
      overall_difficulty: 'hard',
    }
    const spec = {
      eval_types: ['page_image_query' as const],
      page_image_query: [{ eval_image_class: '.a', eval_vqa: [] }],
    }
    const task = taskWith(spec, extras)
    expect(task).toMatchObject({ ...extras, eval: spec })
    await expect(evaluate(task, { answer: '', pages: fakePages('http://h/') })).rejects.toThrow(
      /page_image_query/,
    )
  })
})
