/** The forum: its site and its task templates. */
import { siteOf } from '../http.ts'
import type { Template } from '../kit.ts'
import { forumApp } from './app.tsx'
import { followCommenter, replyToTop, topCommenterKarma, writeComment } from './templates/comments.ts'
import { deletePost, joinSection, newPost, rewritePost } from './templates/own.ts'
import { authorFollowers, messageAuthor, reportPost, voteAsOther } from './templates/people.ts'
import { commentVotes, downvoteComment, upvotePost } from './templates/votes.ts'

export const site = siteOf('forum', forumApp())

export const templates: readonly Template[] = [
  upvotePost,
  downvoteComment,
  commentVotes,
  writeComment,
  replyToTop,
  followCommenter,
  topCommenterKarma,
  newPost,
  rewritePost,
  deletePost,
  joinSection,
  authorFollowers,
  messageAuthor,
  reportPost,
  voteAsOther,
]
