/** The shop: its site and its task templates. */
import type { Template } from '../kit.ts'
import { addToCart, buyAgain, buyExpress, buySeveral } from './templates/buy.ts'
import { cancel, move, review, unwish, wish, wishToCart } from './templates/own.ts'
import {
  below,
  boughtPrice,
  orderTotal,
  price,
  ranked,
  reviewStars,
  signInAndRead,
} from './templates/read.ts'

export { shop as site } from './site.tsx'
export const templates: readonly Template[] = [
  addToCart,
  buyExpress,
  buySeveral,
  buyAgain,
  wish,
  unwish,
  wishToCart,
  review,
  move,
  cancel,
  price,
  ranked,
  below,
  reviewStars,
  orderTotal,
  signInAndRead,
  boughtPrice,
]
