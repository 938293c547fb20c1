/**
 * What tasks over two sites share. A site's walks start at its home page; between two sites the agent goes home
 * and follows the link to the other one.
 */
import type { SiteName } from '../../tasks/task.ts'
import type { Action } from '../../web/action.ts'
import { click } from '../authoring.ts'

/** From any page of a site whose home link is called `home` to another site's home page. */
export const cross = (to: SiteName, home = 'home'): Action[] => [click(home), click(to)]
