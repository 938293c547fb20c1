/** A policy module as --policy loads it: the expert of the embedded tasks that the configuration names. */
import type { CreatePolicy } from '../../lib/evaluation/policy.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { Suites } from '../../lib/train/suites.ts'
import { expertScript, scriptedPolicy } from './expert.ts'

export const createPolicy: CreatePolicy = ({ tokenizer, config }) => {
  const { split, episodes } = config.evaluation
  return scriptedPolicy(tokenizer, expertScript(new Suites(embeddedWeb, config).exam(split, episodes)))
}
