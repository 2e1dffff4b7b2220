import { type LocateSettings, Locator } from '../infer/locate/locator.js';
import { type Pose, uprightPose } from '../infer/locate/pose.js';
import { Refiner } from '../infer/locate/refine.js';
import type { Relief } from '../infer/locate/relief.js';
import { shrinkPose, shrinkRelief } from '../infer/locate/relief-grid.js';
import { storedTemplate, WINDOW } from '../infer/locate/template-image.js';
import { boxAt } from './part-box.js';
import { learnTemplate, meanRelief } from './template.js';

/** Whether parts lie in one place (`aligned`) or are turned and shifted (`anywhere`). */
export type Placement = 'aligned' | 'anywhere';
/** `auto`: the images say. */
export type PlacementChoice = Placement | 'auto';

export const PLACEMENT = {
  /** Images that are looked at; two of three are learnt from, the third judges. */
  mostImages: 90,
  /** Relief pixels to a side of the blocks in which images are compared with the mean. */
  blocks: 4,
  /** Locating has to leave at most this share of what the mean image leaves unexplained (1 − r²). */
  unexplainedShare: 0.5,
  /** Room around the part in the window, as a share of its longer side. */
  margin: 0.04,
  /** What is less like the template than this share of the good parts' median similarity is no part. */
  minimumShare: 0.5,
} as const;

/** How alike images and the mean over other images are: medians of correlations of their reliefs. */
export interface Agreement {
  /** As the images are. */
  readonly asSeen: number;
  /** With each part found and brought to the template's pose. */
  readonly located: number;
}

export interface LearntPlacement {
  readonly placement: Placement;
  readonly agreement: Agreement;
  /** How to find the part; null where it is `aligned`. */
  readonly locate: LocateSettings | null;
}

/** Learns a template from the reliefs of good images, and whether it is needed. */
export function learnPlacement(reliefs: readonly Relief[], choice: PlacementChoice): LearntPlacement {
  const judges = reliefs.filter((_, i) => i % 3 === 2);
  const learning = reliefs.filter((_, i) => i % 3 !== 2);
  const template = storedTemplate(learnTemplate(learning));
  const locator = new Locator(template);
  const found = judges.map((relief) => ({ relief, ...locator.find(relief) }));

  const upright = uprightPose(template);
  const plain = meanRelief(
    learning.map((relief) => ({ relief, pose: upright })),
    upright,
  );
  const asSeen = agreement(
    plain,
    judges.map((relief) => ({ relief, pose: upright })),
  );
  const located = agreement(template, found);
  const helps = 1 - located ** 2 < PLACEMENT.unexplainedShare * (1 - asSeen ** 2);
  const placement = choice === 'auto' ? (helps ? 'anywhere' : 'aligned') : choice;
  const least = PLACEMENT.minimumShare * median(found.map(({ similarity }) => similarity));
  const settings = {
    template,
    window: windowAround(template),
    minimumSimilarity: Math.max(0, Math.round(1000 * least) / 1000),
  };
  return { placement, agreement: { asSeen, located }, locate: placement === 'anywhere' ? settings : null };
}

/** The part with some room around it; what lies beyond is not looked at. */
function windowAround(template: Relief): LocateSettings['window'] {
  const box = boxAt(template, 0);
  const room = PLACEMENT.margin * Math.max(box.width, box.height);
  const side = (name: 'width' | 'height', centre: number) => {
    const half = box[name] / 2 + Math.abs(centre - template[name] / 2) + room;
    return Math.min(template[name], Math.max(WINDOW.leastShare * template[name], 2 * half));
  };
  return { width: side('width', box.x), height: side('height', box.y) };
}

/** What was decided and why, for people; null where nothing had to be. */
export function describePlacement(learnt: LearntPlacement | null): string {
  if (learnt === null) return 'parts are taken to lie in one place';
  const { placement, agreement } = learnt;
  const figures = `images agree with their mean by ${agreement.asSeen.toFixed(2)} as they are, by ${agreement.located.toFixed(2)} with each part found first`;
  return placement === 'aligned'
    ? `parts lie in one place: ${figures}`
    : `parts lie anywhere and are found first: ${figures}`;
}

/** The median correlation of reliefs with a template, in blocks that do not feel the play of a fixture. */
function agreement(template: Relief, placed: readonly { readonly relief: Relief; readonly pose: Pose }[]): number {
  const { blocks } = PLACEMENT;
  const refiner = new Refiner(shrinkRelief(template, blocks));
  return median(
    placed.map(({ relief, pose }) => {
      const small = shrinkRelief(relief, blocks);
      return refiner.similarityAt(small, shrinkPose(pose, relief, small, blocks));
    }),
  );
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
