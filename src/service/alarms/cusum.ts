/**
 * A one-sided CUSUM of log-likelihood ratios (Page, *Biometrika* 41, 1954): evidence that things are as they are when
 * something is wrong rather than as they should be, from the moment that explains it best.
 *
 * With `limit` = ln(n), more than n observations lie between two false alarms on average, whatever the two distributions
 * (Lorden, *Annals of Mathematical Statistics* 42, 1971), as long as the observations are independent.
 */
export interface CusumState {
  evidence: number;
  /** Of the observations since the evidence last was nothing: their sum and number, for an estimate of what holds now. */
  sum: number;
  count: number;
  raised: boolean;
}

export function newCusum(): CusumState {
  return { evidence: 0, sum: 0, count: 0, raised: false };
}

/**
 * Adds one observation and its log-likelihood ratio. The alarm is raised when the evidence reaches the limit, and taken
 * back when the evidence is nothing again; it does not pile up beyond the limit meanwhile.
 *
 * @returns whether `raised` has changed
 */
export function addEvidence(state: CusumState, observation: number, ratio: number, limit: number): boolean {
  const before = state.raised;
  const evidence = state.evidence + ratio;
  if (evidence <= 0) {
    Object.assign(state, newCusum());
    return before;
  }
  state.evidence = Math.min(evidence, limit);
  state.sum += observation;
  state.count++;
  if (evidence >= limit) state.raised = true;
  return state.raised !== before;
}
