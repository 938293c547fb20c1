/** What one optimizer step reports, whichever role it updates. */
export interface StepFigures {
  /** From 1. */
  step: number
  total: number
  loss: number
  /** Global gradient norm before clipping. */
  gradNorm: number
  lr: number
  tokens: number
  seconds: number
}
