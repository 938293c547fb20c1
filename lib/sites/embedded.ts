/** The five sites and all their templates as one web. */
import * as admin from './admin/index.ts'
import * as code from './code/index.ts'
import * as cross from './cross/index.ts'
import * as forum from './forum/index.ts'
import * as map from './map/index.ts'
import { assemble, type EmbeddedWeb } from './registry.ts'
import * as shop from './shop/index.ts'

export const embeddedWeb: EmbeddedWeb = assemble([shop, admin, forum, code, map, cross])
