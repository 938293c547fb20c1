/** The converter that docs/webrl-data.md shows, run by Python on files that torch.save wrote. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rowsOfTrace } from '../../lib/webrl/policy-rows.ts'
import { convert } from '../../lib/webrl/convert.ts'
import { describe } from '../../lib/webrl/info.ts'

const python = process.env.MIRA_TEST_PYTHON ?? 'python3'
const hasTorch = spawnSync(python, ['-c', 'import torch, numpy']).status === 0

const SAVE = `
import json, sys, torch, numpy
trajectories = json.load(open(sys.argv[1]))
torch.save(trajectories, sys.argv[2])
for row in sum(trajectories, []):
    row.update(mc_return=numpy.float64(1.9), rank_score=torch.tensor(0.75))
torch.save(sum(trajectories, []), sys.argv[3], _use_new_zipfile_serialization=False)
`

test.skipIf(!hasTorch)(
  'torch.save is refused, and what the converter makes of it is read (needs Python with torch)',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mira-pickle-'))
    const at = (name: string) => join(folder, name)
    try {
      const document = readFileSync(new URL('../../docs/webrl-data.md', import.meta.url), 'utf8')
      const script = /```python\n([\s\S]*?)```/.exec(document)?.[1] ?? ''
      expect(script.trim().split('\n')).toHaveLength(6)
      const step = { trace_id: 1, index: 0, prompt: 'é', html: '<p>', response: 'a', target: 'é' }
      const rows = rowsOfTrace([{ ...step, fixed_response: 'a', score: 1 }])
      writeFileSync(at('rows.json'), JSON.stringify([rows, rows]))
      writeFileSync(at('save.py'), SAVE)
      writeFileSync(at('convert.py'), script)
      execFileSync(python, [at('save.py'), at('rows.json'), at('new.pt'), at('old_filter.pt')], {
        stdio: 'pipe',
      })
      for (const name of ['new.pt', 'old_filter.pt']) {
        await expect(describe(at(name))).rejects.toMatchObject({ code: 'ERR_WEBRL_PICKLE' })
        execFileSync(python, [at('convert.py'), at(name), at(`${name}.jsonl`)], { stdio: 'pipe' })
        expect(await describe(at(`${name}.jsonl`))).toMatchObject({
          format: 'rows',
          records: 2,
          trajectories: 2,
        })
      }
      expect(JSON.parse(readFileSync(at('new.pt.jsonl'), 'utf8').split('\n')[0] as string)).toEqual(rows[0])
      await convert(at('old_filter.pt.jsonl'), 'rows', at('back.json'))
      expect(JSON.parse(readFileSync(at('back.json'), 'utf8'))[1]).toEqual({
        ...rows[0],
        mc_return: 1.9,
        rank_score: 0.75,
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
  120_000,
)
