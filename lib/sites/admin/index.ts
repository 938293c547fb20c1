/** The shop's back office: its site and its task templates. */
import type { Template } from '../kit.ts'
import {
  approve,
  reject,
  relocate,
  scarcest,
  setPrice,
  setStock,
  spent,
  statusCount,
} from './templates/goods.ts'
import { cancel, orderTown, sendAndShip, ship, shipFor, orderGoesTo } from './templates/orders.ts'

export { admin as site } from './site.tsx'
export const templates: readonly Template[] = [
  ship,
  cancel,
  orderTown,
  orderGoesTo,
  shipFor,
  sendAndShip,
  setPrice,
  setStock,
  approve,
  reject,
  relocate,
  spent,
  statusCount,
  scarcest,
]
