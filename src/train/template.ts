import { Locator } from '../infer/locate/locator.js';
import { type Pose, uprightPose } from '../infer/locate/pose.js';
import type { Relief } from '../infer/locate/relief.js';
import { valueAt } from '../infer/locate/relief-grid.js';

export const TEMPLATE = {
  /** Images that are tried as the first template, and how many others each has to find its part in. */
  seeds: 4,
  judges: 16,
  /** Mean, find again, mean again. */
  rounds: 3,
  /** Share of the images, the ones that agree best, that make the mean. */
  keptShare: 0.8,
} as const;

export type Found = ReturnType<Locator['find']>;

/**
 * The relief of the part in one pose: the mean over images of it in any. The first template is the image that the others
 * are found best with; a few rounds of finding all and taking the mean make it sharp, and level out what is each image's
 * own: light, print, belt. The part comes to lie in the middle.
 */
export function learnTemplate(reliefs: readonly Relief[]): Relief {
  let template = bestSeed(reliefs);
  for (let round = 0; round < TEMPLATE.rounds; round++) {
    const locator = new Locator(template, template);
    const found = reliefs.map((relief) => ({ relief, ...locator.find(relief) }));
    found.sort((a, b) => b.similarity - a.similarity);
    const kept = found.slice(0, Math.ceil(TEMPLATE.keptShare * found.length));
    template = meanRelief(kept, uprightPose(template));
    // Once: the belt is gone by then, so that what is left is the part.
    if (round === 0) template = meanRelief(kept, middleOf(template));
  }
  return template;
}

function bestSeed(reliefs: readonly Relief[]): Relief {
  const pick = (count: number, from: number) =>
    Array.from(
      { length: Math.min(count, reliefs.length) },
      (_, i) => reliefs[(from + Math.floor((i * reliefs.length) / count)) % reliefs.length]!,
    );
  let best = { relief: reliefs[0]!, similarity: -1 };
  for (const relief of pick(TEMPLATE.seeds, 0)) {
    const locator = new Locator(relief, relief);
    const others = pick(TEMPLATE.judges, 1).filter((other) => other !== relief);
    const similarities = others.map((other) => locator.find(other).similarity).sort((a, b) => a - b);
    const similarity = similarities[similarities.length >> 1] ?? 0;
    if (similarity > best.similarity) best = { relief, similarity };
  }
  return best.relief;
}

/** The mean of what the reliefs show at their poses, with `middle` of the template in the centre. */
export function meanRelief(found: readonly { readonly relief: Relief; readonly pose: Pose }[], middle: Pose): Relief {
  const { width, height } = found[0]!.relief;
  const values = new Float32Array(width * height);
  for (const { relief, pose } of found) {
    const [cosine, sine] = [Math.cos(pose.turn), Math.sin(pose.turn)];
    for (let y = 0, i = 0; y < height; y++) {
      const dy = y + 0.5 - height + middle.y;
      for (let x = 0; x < width; x++, i++) {
        const dx = x + 0.5 - width + middle.x;
        values[i]! += valueAt(relief, pose.x + cosine * dx - sine * dy, pose.y + sine * dx + cosine * dy);
      }
    }
  }
  return { width, height, values: values.map((value) => value / found.length) };
}

/** Half way between the edges of what stands out in a template, along each axis. */
function middleOf({ width, height, values }: Relief): Pose {
  const columns = new Float64Array(width);
  const rows = new Float64Array(height);
  values.forEach((value, at) => {
    columns[at % width]! += value ** 4;
    rows[Math.floor(at / width)]! += value ** 4;
  });
  return { turn: 0, x: middle(columns), y: middle(rows) };
}

/** The middle of the inner 96 % of a distribution. */
function middle(profile: Float64Array): number {
  const total = profile.reduce((sum, value) => sum + value, 0);
  const at = (share: number) => {
    let sum = 0;
    return profile.findIndex((value) => {
      sum += value;
      return sum >= share * total;
    });
  };
  return (at(0.02) + at(0.98) + 1) / 2;
}
