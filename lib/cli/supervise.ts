/**
 * Keeps a training process alive across fatal device errors: starts it, and starts it again from the run's last
 * checkpoint when it ends with EXIT.device, a few times with growing pauses. Signals pass through to the child; its
 * exit code is what is returned. A child whose supervisor has died hears its channel close.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { EXIT } from './exit.ts'

export interface Supervision {
  /** Starts the process; `attempt` 0 is the first. */
  start(attempt: number): ChildProcess
  /** Says what happens, for a person. */
  tell(message: string): void
  /** Starts after the first at most. */
  restarts?: number
  /** Pause before the first restart, milliseconds; doubles with each. */
  pause?: number
}

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const RESTARTS = 3
const PAUSE = 5000

/** @returns the exit code of the last process, 128 + n when signal n ended it */
export async function supervise(supervision: Supervision): Promise<number> {
  const { start, tell, restarts = RESTARTS, pause = PAUSE } = supervision
  let child: ChildProcess | undefined
  let stopped = false
  let wake = () => {}
  const listeners = PASSED_ON.map((signal) => {
    const passOn = () => {
      stopped = true
      child?.kill(signal)
      wake()
    }
    process.on(signal, passOn)
    return () => process.off(signal, passOn)
  })
  try {
    for (let attempt = 0; ; attempt++) {
      child = start(attempt)
      const code = await ended(child)
      if (code !== EXIT.device || stopped) return code
      if (attempt === restarts) {
        tell(`the device failed again after ${restarts} restarts; look at its health before going on`)
        return code
      }
      const wait = pause * 2 ** attempt
      tell(
        `the device is lost to the training process; starting it again from the last checkpoint in ` +
          `${wait / 1000} s (${attempt + 1} of ${restarts})`,
      )
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      if (stopped) return EXIT.interrupted
    }
  } finally {
    for (const remove of listeners) remove()
  }
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })
}

/**
 * This program again, in a process group of its own, so that a Ctrl-C in the terminal reaches it once, through the
 * supervisor.
 */
export function startSelf(program: string, args: readonly string[]): ChildProcess {
  const loader = process.execArgv.some((argument) => argument.includes('tsx'))
    ? []
    : ['--import', import.meta.resolve('tsx')]
  return spawn(process.execPath, [...process.execArgv, ...loader, program, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    detached: true,
  })
}

/** In a supervised process: aborts when the supervisor is gone. Keeps no process alive. */
export function whenSupervisorDies(act: () => void): void {
  if (!process.connected) return
  process.once('disconnect', act)
  process.channel?.unref()
}
