/**
 * The words all sites are written with. A name is a modifier followed by a head ("red lamp"): a word that opens
 * names never closes one, so that each word has one token form everywhere. Page labels ("orders", "next") live
 * in the sites' pages and are not repeated here as names.
 */

/** Modifiers: always the first word of a name. */
export const COLOURS = ['red', 'blue', 'green', 'black', 'white', 'pink', 'grey', 'gold'] as const
export const QUALITIES = ['small', 'large', 'light', 'soft', 'round', 'plain', 'fine', 'solid'] as const
export const DIRECTIONS = ['north', 'south', 'east', 'west', 'old', 'upper', 'lower', 'central'] as const
export const MOODS = ['happy', 'quiet', 'strange', 'funny', 'honest', 'lazy', 'clever', 'brave'] as const
export const FAULTS = ['slow', 'broken', 'missing', 'wrong', 'double', 'empty', 'late', 'noisy'] as const

/** Heads: always the last word of a name. */
export const THINGS = {
  home: ['lamp', 'chair', 'table', 'clock', 'mirror', 'pillow'],
  kitchen: ['kettle', 'pan', 'mug', 'bowl', 'knife', 'toaster'],
  garden: ['spade', 'bench', 'hose', 'pot', 'fence', 'swing'],
  office: ['desk', 'pen', 'folder', 'stapler', 'printer', 'board'],
} as const
/** Subjects of posts. */
export const TOPICS = [
  'recipe',
  'story',
  'photo',
  'song',
  'poem',
  'movie',
  'puzzle',
  'dream',
  'trip',
  'rumour',
  'lesson',
  'joke',
] as const
/** Parts of a program, for issues and changes. */
export const PARTS = [
  'login',
  'menu',
  'cache',
  'parser',
  'driver',
  'timer',
  'upload',
  'index',
  'socket',
  'filter',
  'theme',
  'backup',
] as const
/** Places on a map, by kind. */
export const PLACES = {
  park: ['park', 'meadow', 'grove'],
  food: ['cafe', 'bakery', 'diner'],
  culture: ['museum', 'theatre', 'library'],
  transport: ['station', 'harbour', 'airport'],
} as const

/** One-word proper names. */
export const PEOPLE = [
  'anna',
  'ben',
  'clara',
  'david',
  'emma',
  'felix',
  'grace',
  'henry',
  'iris',
  'jonas',
  'karin',
  'leo',
  'maria',
  'nora',
  'oscar',
  'paula',
  'robin',
  'sara',
  'thomas',
  'wanda',
] as const
export const TOWNS = [
  'aston',
  'belmont',
  'corby',
  'dover',
  'eston',
  'fulton',
  'garston',
  'hilton',
  'ilford',
  'kirby',
  'linton',
  'milford',
  'newton',
  'orford',
  'preston',
  'romford',
  'selby',
  'tilbury',
  'walden',
  'yarmouth',
] as const
export const PROJECTS = [
  'atlas',
  'beacon',
  'comet',
  'delta',
  'ember',
  'falcon',
  'galaxy',
  'hermes',
  'jupiter',
  'kepler',
  'lotus',
  'magnet',
  'nimbus',
  'orbit',
  'pixel',
  'quartz',
  'rocket',
  'saturn',
  'titan',
  'vector',
] as const
export const SECTIONS = ['books', 'music', 'sports', 'cooking', 'gaming', 'science'] as const
export const LABELS = ['bug', 'feature', 'docs', 'urgent', 'question'] as const

/** Every modifier + head pair, in a fixed order. */
export function pairs(modifiers: readonly string[], heads: readonly string[]): string[] {
  return modifiers.flatMap((modifier) => heads.map((head) => `${modifier} ${head}`))
}

/** Titles of reviews: an opinion on an aspect ("great value"). */
export const OPINIONS = ['great', 'good', 'fair', 'poor', 'awful'] as const
export const ASPECTS = ['value', 'quality', 'shape', 'finish', 'weight'] as const
