/** Files that are whole or absent: written aside, synced, renamed. */
import { open, readlink, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'

export async function writeFileAtomic(path: string, text: string): Promise<void> {
  const aside = `${path}.partial`
  const file = await open(aside, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(aside, path)
  await syncDirectory(dirname(path))
}

/** Makes a rename inside the directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** What a pointer in a directory names; undefined when there is none. */
export async function pointerOf(directory: string, name: string): Promise<string | undefined> {
  return readlink(join(directory, name)).catch(() => undefined)
}

/**
 * Points directory/name at a sibling, replacing an earlier pointer in one step. Anything that is not a pointer
 * is left alone.
 * @returns false when something else stands there or links are not possible here
 */
export async function pointAt(directory: string, name: string, target: string): Promise<boolean> {
  const path = join(directory, name)
  const aside = join(directory, `.${name}.${process.pid}`)
  try {
    await readlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    await symlink(target, aside)
    await rename(aside, path)
    return true
  } catch {
    await rm(aside, { force: true })
    return false
  }
}
