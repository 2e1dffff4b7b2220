/** What a training says while it runs; the command line prints it. */
export type TrainEvent =
  | { readonly type: 'phase'; readonly text: string }
  | { readonly type: 'skipped'; readonly file: string; readonly reason: string }
  | {
      readonly type: 'warning';
      readonly text: string;
      /** The images that are meant, the worst first; none where all are. */
      readonly files: readonly string[];
    }
  | {
      readonly type: 'step';
      readonly phase: 'distil' | 'context';
      readonly step: number;
      /** 0…1 of this phase. */
      readonly progress: number;
      readonly losses: Readonly<Record<string, number>>;
      readonly secondsLeft: number;
    }
  | {
      readonly type: 'calibrated';
      /** Scores of held-out good images, in ascending order. */
      readonly scores: readonly number[];
      readonly mapThreshold: number;
    };
