// How set-up speaks: lines that stay, and on a terminal one line that moves while something takes its time.
const SILENCE_MS = 30_000

export function terminal(stream = process.stderr) {
  let moving = ''
  let lastShown = 0
  const wipe = () => {
    if (moving && stream.isTTY) stream.write('\r\x1b[K')
    moving = ''
  }
  return {
    say(line) {
      wipe()
      stream.write(`${line}\n`)
      lastShown = Date.now()
    },
    /** On a terminal the line is rewritten; in a log one line every half minute shows that work goes on. */
    progress(text) {
      if (text === moving) return
      if (stream.isTTY) stream.write(`\r\x1b[K  ${text}`)
      else if (Date.now() - lastShown > SILENCE_MS) {
        stream.write(`  ${text}\n`)
        lastShown = Date.now()
      }
      moving = text
    },
    end: wipe,
  }
}

export function elapsed(sinceMs) {
  const seconds = Math.round((Date.now() - sinceMs) / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
