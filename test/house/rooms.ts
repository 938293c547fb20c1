// The order of the rooms, ground floor first: a room imports only itself and rooms before it. docs/architecture.md
// says what each is for; a new folder under lib or native has to find its place here.

export const LIB_ROOMS = [
  'config',
  'native',
  'plan',
  'export',
  'tokenizer',
  'tasks',
  'web',
  'sites',
  'llm',
  'milestones',
  'agent',
  'suites',
  'webrl',
  'learn',
  'run',
  'train',
  'analysis',
  'evaluation',
  'report',
  'cli',
  'index.ts',
]

/** Kernels know no model, the core no JavaScript. */
export const NATIVE_ROOMS = ['kernels', 'core', 'binding']

/** Every import of `path` that leaves its room upwards or leaves lib, as "from -> to". */
export function wrongWay(path: string, targets: string[], base: string, rooms: string[]): string[] {
  const room = (name: string) => (name.startsWith(`${base}/`) ? rooms.indexOf(name.split('/')[1]!) : -1)
  const own = room(path)
  if (own < 0) return [`${path}: ${base}/${path.split('/')[1]} has no place in test/house/rooms.ts`]
  return targets.filter((to) => room(to) < 0 || room(to) > own).map((to) => `${path} -> ${to}`)
}
