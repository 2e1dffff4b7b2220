/**
 * A single-stroke alphabet, as engraving and marking machines use: each character is a list of polylines on a grid of
 * 4 × 6, origin at the top left. Only what the part's marking needs.
 */
const GLYPHS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  '0': [[1, 0, 3, 0, 4, 1, 4, 5, 3, 6, 1, 6, 0, 5, 0, 1, 1, 0]],
  '1': [
    [1, 1, 2, 0, 2, 6],
    [1, 6, 3, 6],
  ],
  '2': [[0, 1, 1, 0, 3, 0, 4, 1, 4, 2, 0, 6, 4, 6]],
  '3': [[0, 0, 4, 0, 2, 2.5, 3, 2.5, 4, 3.5, 4, 5, 3, 6, 1, 6, 0, 5]],
  '4': [[3, 6, 3, 0, 0, 4, 4, 4]],
  '5': [[4, 0, 0, 0, 0, 2.5, 3, 2.5, 4, 3.5, 4, 5, 3, 6, 0, 6]],
  '6': [[4, 0, 2, 0, 0, 2.5, 0, 5, 1, 6, 3, 6, 4, 5, 4, 3.5, 3, 2.7, 0, 2.7]],
  '7': [[0, 0, 4, 0, 1.5, 6]],
  '8': [
    [1, 0, 3, 0, 4, 1, 4, 2, 3, 3, 1, 3, 0, 2, 0, 1, 1, 0],
    [1, 3, 0, 4, 0, 5, 1, 6, 3, 6, 4, 5, 4, 4, 3, 3],
  ],
  '9': [[0, 6, 2, 6, 4, 3.5, 4, 1, 3, 0, 1, 0, 0, 1, 0, 2.5, 1, 3.3, 4, 3.3]],
  A: [
    [0, 6, 2, 0, 4, 6],
    [0.8, 4, 3.2, 4],
  ],
  B: [
    [0, 0, 3, 0, 4, 1, 4, 2, 3, 3, 4, 4, 4, 5, 3, 6, 0, 6, 0, 0],
    [0, 3, 3, 3],
  ],
  C: [[4, 1, 3, 0, 1, 0, 0, 1, 0, 5, 1, 6, 3, 6, 4, 5]],
  D: [[0, 0, 2.5, 0, 4, 1.5, 4, 4.5, 2.5, 6, 0, 6, 0, 0]],
  E: [
    [4, 0, 0, 0, 0, 6, 4, 6],
    [0, 3, 3, 3],
  ],
  F: [
    [4, 0, 0, 0, 0, 6],
    [0, 3, 3, 3],
  ],
  G: [[4, 1, 3, 0, 1, 0, 0, 1, 0, 5, 1, 6, 3, 6, 4, 5, 4, 3, 2.5, 3]],
  H: [
    [0, 0, 0, 6],
    [4, 0, 4, 6],
    [0, 3, 4, 3],
  ],
  N: [[0, 6, 0, 0, 4, 6, 4, 0]],
  S: [[4, 1, 3, 0, 1, 0, 0, 1, 0, 2, 1, 3, 3, 3, 4, 4, 4, 5, 3, 6, 1, 6, 0, 5]],
  '-': [[0.5, 3, 3.5, 3]],
  ' ': [],
};

/** Calls `draw` for each stroke of a line of text, in the units of `width` and `height` of a character. */
export function forEachStroke(
  text: string,
  place: {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    readonly advance: number;
  },
  draw: (x0: number, y0: number, x1: number, y1: number) => void,
): void {
  for (let position = 0; position < text.length; position++) {
    const strokes = GLYPHS[text.charAt(position)];
    if (strokes === undefined) throw new RangeError(`the stroke alphabet has no '${text.charAt(position)}'`);
    const left = place.x + position * place.advance;
    for (const line of strokes) {
      for (let i = 0; i + 3 < line.length; i += 2) {
        draw(
          left + (line[i]! * place.width) / 4,
          place.y + (line[i + 1]! * place.height) / 6,
          left + (line[i + 2]! * place.width) / 4,
          place.y + (line[i + 3]! * place.height) / 6,
        );
      }
    }
  }
}
