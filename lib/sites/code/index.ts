/** The code host: its site and its task templates. */
import type { Template } from '../kit.ts'
import { closeIssue, issueAssignee, newIssue, triageIssue } from './templates/issues.ts'
import { closeLabelled, countLabel } from './templates/labels.ts'
import { changeRole, inviteMember, readRole } from './templates/members.ts'
import { approveAndMerge, mergeApproved, reviewerOf } from './templates/merges.ts'
import { forkProject, readSetting, starProject } from './templates/projects.ts'

export { site } from './site.tsx'

export const templates: readonly Template[] = [
  starProject,
  forkProject,
  readSetting,
  closeIssue,
  newIssue,
  triageIssue,
  issueAssignee,
  countLabel,
  closeLabelled,
  mergeApproved,
  approveAndMerge,
  reviewerOf,
  inviteMember,
  changeRole,
  readRole,
]
