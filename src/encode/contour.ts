/**
 * The lines along which a grid of values crosses `level`, by marching squares with linear interpolation, as SVG path
 * data. Value (x, y) of the grid lies at (left + (x + 0.5) × stepX, top + (y + 0.5) × stepY).
 */
export function contourPath(
  values: Float32Array,
  width: number,
  height: number,
  level: number,
  place: { readonly left: number; readonly top: number; readonly stepX: number; readonly stepY: number },
): string {
  const path: string[] = [];
  const point = (x: number, y: number): string =>
    `${(place.left + (x + 0.5) * place.stepX).toFixed(1)} ${(place.top + (y + 0.5) * place.stepY).toFixed(1)}`;
  const share = (a: number, b: number): number => (level - a) / (b - a);
  for (let y = 0; y + 1 < height; y++) {
    for (let x = 0; x + 1 < width; x++) {
      const nw = values[y * width + x]!;
      const ne = values[y * width + x + 1]!;
      const sw = values[(y + 1) * width + x]!;
      const se = values[(y + 1) * width + x + 1]!;
      const inside = (nw >= level ? 1 : 0) | (ne >= level ? 2 : 0) | (se >= level ? 4 : 0) | (sw >= level ? 8 : 0);
      if (inside === 0 || inside === 15) continue;
      const north = (): string => point(x + share(nw, ne), y);
      const south = (): string => point(x + share(sw, se), y + 1);
      const west = (): string => point(x, y + share(nw, sw));
      const east = (): string => point(x + 1, y + share(ne, se));
      const line = (from: string, to: string): number => path.push(`M${from}L${to}`);
      // A case and its complement have the same line. The two saddles (5, 10) join what lies inside when the middle does.
      const saddleJoined = (nw + ne + sw + se) / 4 >= level;
      switch (inside) {
        case 1:
        case 14:
          line(west(), north());
          break;
        case 2:
        case 13:
          line(north(), east());
          break;
        case 4:
        case 11:
          line(east(), south());
          break;
        case 8:
        case 7:
          line(south(), west());
          break;
        case 3:
        case 12:
          line(west(), east());
          break;
        case 6:
        case 9:
          line(north(), south());
          break;
        default:
          if ((inside === 5) === saddleJoined) {
            line(west(), south());
            line(north(), east());
          } else {
            line(west(), north());
            line(east(), south());
          }
      }
    }
  }
  return path.join('');
}
