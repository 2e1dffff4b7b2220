import { smooth } from './geometry.js';
import type { Random } from './random.js';

/** An irregular closed shape around a centre: an ellipse whose outline wavers. */
export interface Blob {
  readonly x: number;
  readonly y: number;
  readonly reach: number;
  /** 1 well inside, 0 outside, between them over `softness` of the radius. */
  at(x: number, y: number): number;
}

export function drawBlob(
  random: Random,
  shape: { x: number; y: number; radius: number; stretch: number; waver: number; softness: number; angle?: number },
): Blob {
  const turn = shape.angle ?? random.between(0, Math.PI);
  const cos = Math.cos(turn);
  const sin = Math.sin(turn);
  const long = shape.radius * Math.sqrt(shape.stretch);
  const short = shape.radius / Math.sqrt(shape.stretch);
  const waves = [2, 3, 4, 5, 7, 9].map((frequency) => ({
    frequency,
    amplitude: (shape.waver * random.normal()) / Math.sqrt(frequency),
    phase: random.between(0, 2 * Math.PI),
  }));
  return {
    x: shape.x,
    y: shape.y,
    reach: long * (1 + 2.5 * shape.waver) + 1,
    at(px, py) {
      const dx = px - shape.x;
      const dy = py - shape.y;
      const u = (dx * cos + dy * sin) / long;
      const v = (dy * cos - dx * sin) / short;
      const angle = Math.atan2(v, u);
      let edge = 1;
      for (const wave of waves) edge += wave.amplitude * Math.cos(wave.frequency * angle + wave.phase);
      return 1 - smooth(edge * (1 - shape.softness), edge, Math.hypot(u, v));
    },
  };
}
