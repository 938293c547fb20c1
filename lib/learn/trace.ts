/**
 * What learning saw at one step of one episode, kept with the phase's episodes for the journal and the report.
 * A type and nothing else; the figures are computed where the critics and the shaping are.
 */
export interface StepLearning {
  /** V(s_t): probability of success before the action, in [0, 1]. Paper Eq. 4. */
  value: number
  /** P(s_t): predicted progress before the action, in [0, 1]. Paper Eq. 3. */
  potential: number
  /** alpha * (P(s_{t+1}) - P(s_t)). Paper Alg. 1. */
  auxiliary: number
  /** r'_t: outcome reward plus auxiliary reward. */
  reward: number
  /** A_t: mixed TD and Monte-Carlo advantage. Paper Eq. 10. */
  advantage: number
  /** rho_t: log pi(a_t|s_t) - log pi_ref(a_t|s_t), summed over the action's tokens; absent when never trained on. */
  logRatio?: number
}
