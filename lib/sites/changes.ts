/**
 * What the user of one site has changed in this world, net: a change that is taken back leaves no trace. Each
 * site shows the count on its activity page, so that evaluation can tell a clean solution from one with side
 * effects by reading a page.
 */
export class Changes {
  private readonly kept = new Map<string, string>()

  /** Something exists, or holds a value, that did not before. */
  set(key: string, value = ''): void {
    this.kept.set(key, value)
  }

  /** Back to how the world began. */
  undo(key: string): void {
    this.kept.delete(key)
  }

  /** Records a setting: gone from the list when the value is the one the world began with. */
  setting(key: string, value: string, initial: string): void {
    if (value === initial) this.kept.delete(key)
    else this.kept.set(key, value)
  }

  has(key: string): boolean {
    return this.kept.has(key)
  }

  get count(): number {
    return this.kept.size
  }
}
