export const ACCEPTANCE_LABELS = ['pass', 'fail'] as const;
export type AcceptanceLabel = (typeof ACCEPTANCE_LABELS)[number];

/** A picture of a part of this line, and what a model has to say about it. */
export interface AcceptancePart {
  readonly station: string;
  readonly label: AcceptanceLabel;
  /** Name of the file: the beginning of its SHA-256, and its kind. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}
