/** A file the user gave to the analysis (labels, a prompt) that is not what it should be. */
export class AnalysisInputError extends Error {
  override readonly name = 'AnalysisInputError'
  readonly code = 'ERR_ANALYSIS_INPUT'
}
