import { Locator } from '../infer/locate/locator.js';
import { type Pose, uprightPose } from '../infer/locate/pose.js';
import type { Relief } from '../infer/locate/relief.js';
import { valueAt } from '../infer/locate/relief-grid.js';
import { allAtOnce } from '../pieces.js';
import { tightestBox } from './part-box.js';

export const TEMPLATE = {
  /** Images that are tried as the first template, and how many others each has to find its part in. */
  seeds: 4,
  judges: 16,
  /** Mean, find again, mean again. */
  rounds: 3,
  /** Share of the images, the ones that agree best, that make the mean. */
  keptShare: 0.8,
} as const;

/**
 * The relief of the part in one pose: the mean over images of it in any. The first template is the image that the others
 * are found best with; a few rounds of finding all and taking the mean make it sharp, and level out what is each image's
 * own: light, print, belt. The part comes to lie in the middle, and along the axes where it is longish.
 */
export function learnTemplate(reliefs: readonly Relief[]): Relief {
  let template = bestSeed(reliefs);
  for (let round = 0; round < TEMPLATE.rounds; round++) {
    const locator = new Locator(template, 'everywhere');
    const found = reliefs.map((relief) => ({ relief, ...allAtOnce(locator.find(relief)) }));
    found.sort((a, b) => b.similarity - a.similarity);
    const kept = found.slice(0, Math.ceil(TEMPLATE.keptShare * found.length));
    template = meanRelief(kept, uprightPose(template));
    // Once: the belt is gone by then, so that what is left is the part.
    if (round === 0) template = meanRelief(kept, tightestBox(template));
  }
  return template;
}

/** The mean relief of parts in a fixture, made sharp by taking back their play. */
export function sharpenMean(reliefs: readonly Relief[]): Relief {
  const upright = uprightPose(reliefs[0] as Relief);
  let template = meanRelief(
    reliefs.map((relief) => ({ relief, pose: upright })),
    upright,
  );
  for (let round = 0; round < TEMPLATE.rounds; round++) {
    const locator = new Locator(template, 'nearby');
    const found = reliefs.map((relief) => ({ relief, ...allAtOnce(locator.find(relief)) }));
    const mean = (of: (pose: Pose) => number) => found.reduce((sum, { pose }) => sum + of(pose), 0) / found.length;
    const middle = { turn: mean(({ turn }) => turn), x: mean(({ x }) => x), y: mean(({ y }) => y) };
    // Around their middle, or all of them would drift away together.
    const centred = found.map(({ relief, pose: { turn, x, y } }) => ({
      relief,
      pose: { turn: turn - middle.turn, x: x - middle.x + upright.x, y: y - middle.y + upright.y },
    }));
    template = meanRelief(centred, upright);
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
    const locator = new Locator(relief, 'everywhere');
    const others = pick(TEMPLATE.judges, 1).filter((other) => other !== relief);
    const similarities = others.map((other) => allAtOnce(locator.find(other)).similarity).sort((a, b) => a - b);
    const similarity = similarities[similarities.length >> 1] ?? 0;
    if (similarity > best.similarity) best = { relief, similarity };
  }
  return best.relief;
}

/**
 * The mean of what the reliefs show at their poses.
 * @param view where the middle of the mean is in the template, and how it is turned there
 */
export function meanRelief(found: readonly { readonly relief: Relief; readonly pose: Pose }[], view: Pose): Relief {
  const { width, height } = found[0]!.relief;
  const values = new Float32Array(width * height);
  for (const { relief, pose } of found) {
    const middle = placeOf(pose, view.x - width / 2, view.y - height / 2);
    const seen = { ...middle, turn: pose.turn + view.turn };
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const place = placeOf(seen, x + 0.5 - width / 2, y + 0.5 - height / 2);
        values[i]! += valueAt(relief, place.x, place.y);
      }
    }
  }
  return { width, height, values: values.map((value) => value / found.length) };
}

/** Where a point relative to the template's centre lies in a region. */
function placeOf({ turn, x, y }: Pose, dx: number, dy: number): { readonly x: number; readonly y: number } {
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  return { x: x + cosine * dx - sine * dy, y: y + sine * dx + cosine * dy };
}
