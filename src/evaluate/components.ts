/** The connected regions of a mask. */
export interface Components {
  /** A number a pixel: 0 outside the mask, 1 … count inside. */
  readonly labels: Int32Array;
  /** Pixels of each component; index 0 is component 1. */
  readonly areas: readonly number[];
}

/** Labels the 8-connected components of a mask of width × height bytes (0 is outside). */
export function connectedComponents(mask: Uint8Array, width: number, height: number): Components {
  const labels = new Int32Array(width * height);
  const areas: number[] = [];
  const waiting: number[] = [];
  for (let seed = 0; seed < labels.length; seed++) {
    if (mask[seed] === 0 || labels[seed] !== 0) continue;
    const label = areas.length + 1;
    let area = 0;
    labels[seed] = label;
    waiting.push(seed);
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      area++;
      const x = at % width;
      const y = (at - x) / width;
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (mask[next] === 0 || labels[next] !== 0) continue;
          labels[next] = label;
          waiting.push(next);
        }
      }
    }
    areas.push(area);
  }
  return { labels, areas };
}
