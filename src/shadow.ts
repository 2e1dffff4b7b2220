/**
 * A model that looks at the parts of a station beside the one that judges them: the plain types that pass between the
 * processes about it.
 */

export interface ShadowTask {
  /** Of the bundle. */
  readonly folder: string;
  /** `promotion`: whether it may take over. `probation`: it was in use before, and shows what has changed. */
  readonly purpose: 'promotion' | 'probation';
  /** It ends after so many parts, or minutes since it was loaded, whichever comes first; null: not by that. */
  readonly parts: number | null;
  readonly minutes: number | null;
  /** Tells a task from the same one that is given once more. */
  readonly since: string | null;
}

/** How often each came out of two models at the same parts. What is invalid is rejected. */
export interface PairedOutcomes {
  readonly bothPass: number;
  readonly bothReject: number;
  readonly onlyCurrentRejects: number;
  readonly onlyShadowRejects: number;
}

/** Of score / threshold: what is above 1 fails. */
export interface ScoreSpread {
  readonly mean: number;
  readonly deviation: number;
}

export interface ShadowState {
  /** `<id>@<version>` */
  readonly model: string;
  readonly purpose: ShadowTask['purpose'];
  readonly wanted: { readonly parts: number | null; readonly minutes: number | null };
  readonly isOver: boolean;
  /** Parts that both models have looked at. */
  readonly compared: number;
  /** Parts that came while it was busy with another. */
  readonly unseen: number;
  /** Of those that were compared: parts that it failed at, which counts as rejecting them. */
  readonly failed: number;
  readonly outcomes: PairedOutcomes;
  readonly regions: readonly {
    readonly name: string;
    readonly outcomes: PairedOutcomes;
    /** Null before there is a score. */
    readonly current: ScoreSpread | null;
    readonly shadow: ScoreSpread | null;
  }[];
  /** Milliseconds for a part, on average. */
  readonly judgeMs: { readonly current: number; readonly shadow: number };
}

export interface ShadowReport extends ShadowState {
  readonly folder: string;
}

/** The share of parts that both models treated alike; null before there is one. */
export function agreementOf({ compared, outcomes }: Pick<ShadowState, 'compared' | 'outcomes'>): number | null {
  return compared === 0 ? null : (outcomes.bothPass + outcomes.bothReject) / compared;
}
