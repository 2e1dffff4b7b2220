/**
 * Inferno: lightness rises evenly with the value, also in grey print and for colour-blind eyes.
 * Polynomial fit of degree 6 to matplotlib's table (by Matt Zucker, public domain, shadertoy.com/view/WlfXRN).
 */
const INFERNO: readonly (readonly [number, number, number])[] = [
  [0.0002189403691192265, 0.001651004631001012, -0.01948089843709184],
  [0.1065134194856116, 0.5639564367884091, 3.932712388889277],
  [11.60249308247187, -3.972853965665698, -15.9423941062914],
  [-41.70399613139459, 17.43639888205313, 44.35414519872813],
  [77.162935699427, -33.40235894210092, -81.80730925738993],
  [-71.31942824499214, 32.62606426397723, 73.20951985803202],
  [25.13112622477341, -12.24266895238567, -23.07032500287172],
];

/** The inferno colour of a value in [0, 1] (clamped): red, green and blue in 0…255. */
export function inferno(value: number): [number, number, number] {
  const t = Math.min(1, Math.max(0, value));
  const channel = (c: 0 | 1 | 2): number => {
    let sum = 0;
    for (let power = INFERNO.length - 1; power >= 0; power--) sum = sum * t + INFERNO[power]![c];
    return Math.round(Math.min(1, Math.max(0, sum)) * 255);
  };
  return [channel(0), channel(1), channel(2)];
}
