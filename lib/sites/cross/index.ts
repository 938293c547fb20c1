/** Tasks over two sites; they add no pages of their own. */
import type { Template } from '../kit.ts'
import { placeToReply, postToIssue, productToPost } from './carry.ts'
import { orderPlacePhone, saveAndStar, upvoteAndClose } from './chain.ts'

export const templates: readonly Template[] = [
  postToIssue,
  placeToReply,
  productToPost,
  upvoteAndClose,
  saveAndStar,
  orderPlacePhone,
]
