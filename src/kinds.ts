/** The kinds of evidence that a score is the sum of, in the order of the model's outputs. */
export const DEFECT_KINDS = ['position', 'context', 'distortion'] as const;

/** Which evidence raised an alarm. */
export type DefectKind = (typeof DEFECT_KINDS)[number];

/** A number for each kind of evidence. */
export type ByKind = Readonly<Record<DefectKind, number>>;

/** What a kind says of a place, to somebody who knows the part and not the method. */
export const KIND_MEANINGS: Readonly<Record<DefectKind, string>> = {
  position: 'does not belong here',
  context: 'does not fit its surroundings',
  distortion: 'looks damaged',
};

/** The kind with the largest contribution. */
export function leadingKind(parts: ByKind): DefectKind {
  return DEFECT_KINDS.reduce((leading, kind) => (parts[kind] > parts[leading] ? kind : leading));
}

/** The shares of the kinds in a score, 0 to 1 and 1 in sum. Evidence that speaks for a good part has none. */
export function sharesOf(parts: ByKind): ByKind {
  const most = parts[leadingKind(parts)];
  if (!(most > 0)) return byKind((kind) => (kind === leadingKind(parts) ? 1 : 0));
  const against = byKind((kind) => Math.max(0, parts[kind]));
  const sum = DEFECT_KINDS.reduce((total, kind) => total + against[kind], 0);
  return byKind((kind) => against[kind] / sum);
}

export function byKind<T>(of: (kind: DefectKind) => T): Record<DefectKind, T> {
  return { position: of('position'), context: of('context'), distortion: of('distortion') };
}
