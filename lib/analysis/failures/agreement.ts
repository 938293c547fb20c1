/**
 * How far two judges of failures agree: per class, confusion matrix, Cohen's kappa, and key steps within one. The
 * first judge is the truth where there is one (human labels, injected causes).
 */
import { FAILURE_CLASSES, type FailureClass } from './diagnosis.ts'

export interface Judged {
  class: FailureClass
  keyStep: number | null
}

export interface ClassAgreement {
  class: FailureClass
  /** So often the first judge said it. */
  labelled: number
  agreed: number
  precision: number | null
  recall: number | null
}

export interface FailureAgreement {
  count: number
  agreed: number
  /** null without pairs. */
  share: number | null
  /** Cohen (1960): agreement above what the two judges' habits alone would give; null where these leave no room. */
  kappa: number | null
  classes: ClassAgreement[]
  /** Rows: first judge, columns: second, both in the order of FAILURE_CLASSES. */
  confusion: number[][]
  /** Where both name one. */
  keySteps: { count: number; exact: number; withinOne: number }
}

export function failureAgreement(
  pairs: readonly (readonly [first: Judged, second: Judged])[],
): FailureAgreement {
  const confusion = FAILURE_CLASSES.map((row) =>
    FAILURE_CLASSES.map((column) => pairs.filter(([a, b]) => a.class === row && b.class === column).length),
  )
  const count = pairs.length
  const rows = confusion.map(sum)
  const columns = FAILURE_CLASSES.map((_, j) => sum(confusion.map((row) => row[j] as number)))
  const hits = FAILURE_CLASSES.map((_, i) => (confusion[i] as number[])[i] as number)
  const agreed = sum(hits)
  const chance = sum(rows.map((row, i) => row * (columns[i] as number))) / count ** 2
  const distances = pairs.flatMap(([a, b]) =>
    a.keyStep === null || b.keyStep === null ? [] : [Math.abs(a.keyStep - b.keyStep)],
  )
  return {
    count,
    agreed,
    share: ratio(agreed, count),
    kappa: count > 0 && chance < 1 ? (agreed / count - chance) / (1 - chance) : null,
    classes: FAILURE_CLASSES.map((kind, i) => ({
      class: kind,
      labelled: rows[i] as number,
      agreed: hits[i] as number,
      precision: ratio(hits[i] as number, columns[i] as number),
      recall: ratio(hits[i] as number, rows[i] as number),
    })),
    confusion,
    keySteps: {
      count: distances.length,
      exact: distances.filter((distance) => distance === 0).length,
      withinOne: distances.filter((distance) => distance <= 1).length,
    },
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const ratio = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null)
