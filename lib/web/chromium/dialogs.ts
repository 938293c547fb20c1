/**
 * Answers alert, confirm, prompt and "leave this page?" the moment they open, because a page stands still until
 * somebody does, and keeps their texts for the agent. A page that opens them without end is reported, not obeyed.
 */
import type { BrowserContext, Page } from 'playwright-core'

/** Dialogs of one page between two actions, above which it counts as a flood. */
const FLOOD = 20
const TEXT_CHARS = 300

export class Dialogs {
  readonly #rule: 'accept' | 'dismiss'
  /** With how often each was shown. */
  readonly #sentences = new Map<string, number>()
  readonly #counts = new Map<Page, number>()

  /** `flooded` is called once a page has opened too many since the last reset, and on every further one. */
  constructor(context: BrowserContext, rule: 'accept' | 'dismiss', flooded: () => void) {
    this.#rule = rule
    context.on('dialog', (dialog) => {
      const page = dialog.page()
      const type = dialog.type()
      const accepted = type === 'beforeunload' || (this.#rule === 'accept' && type !== 'prompt')
      if (page) {
        this.#counts.set(page, (this.#counts.get(page) ?? 0) + 1)
        if (this.floods(page)) flooded()
      }
      if (type !== 'beforeunload') {
        const text = Array.from(dialog.message()).slice(0, TEXT_CHARS).join('')
        this.#tell(
          `the page showed ${article(type)} saying "${text}", which was ${accepted ? 'accepted' : 'dismissed'}`,
        )
      }
      // It may be gone with its page before the answer arrives.
      void (accepted ? dialog.accept() : dialog.dismiss()).catch(() => {})
    })
  }

  /** Whether this page has opened so many dialogs since the last reset that it cannot be used. */
  floods(page: Page): boolean {
    return (this.#counts.get(page) ?? 0) > FLOOD
  }

  /** What was shown since the last call, one sentence each. */
  take(): string[] {
    const told = [...this.#sentences].map(([sentence, times]) =>
      times === 1 ? sentence : `${sentence} (${times} times)`,
    )
    this.#sentences.clear()
    return told
  }

  #tell(sentence: string): void {
    const times = this.#sentences.get(sentence) ?? 0
    if (times > 0 || this.#sentences.size < FLOOD) this.#sentences.set(sentence, times + 1)
  }

  /** Begins counting anew. */
  reset(): void {
    this.#counts.clear()
  }
}

const article = (type: string): string => (type === 'alert' ? 'an alert' : `a ${type}`)
