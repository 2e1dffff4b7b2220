import { type LocateSettings, Locator, type Search } from '../infer/locate/locator.js';
import { type Pose, uprightPose } from '../infer/locate/pose.js';
import { Refiner } from '../infer/locate/refine.js';
import type { Relief } from '../infer/locate/relief.js';
import { shrinkPose, shrinkRelief } from '../infer/locate/relief-grid.js';
import { storedTemplate, WINDOW } from '../infer/locate/template-image.js';
import { allAtOnce } from '../pieces.js';
import { boxAt } from './part-box.js';
import { learnTemplate, meanRelief, sharpenMean } from './template.js';

/** Whether parts lie in one place, with some play (`aligned`), or are turned and shifted (`anywhere`). */
export type Placement = 'aligned' | 'anywhere';
/** `auto`: the images say. */
export type PlacementChoice = Placement | 'auto';

export const PLACEMENT = {
  /** Images that are looked at; two of three are learnt from, the third judges. */
  mostImages: 90,
  /** Fewer cannot be split into those that are learnt from and those that judge. */
  leastImages: 3,
  /** What is less like the template than this share of the good parts' median similarity is no part. */
  minimumShare: 0.5,
  /** Room around the part in the window, as a share of its longer side. */
  margin: 0.04,
} as const;

/** How a search is learnt, and when it is worth its time. */
interface Way {
  readonly search: Search;
  readonly learn: (reliefs: readonly Relief[]) => Relief;
  /** What of the region is looked at. */
  readonly window: (template: Relief) => LocateSettings['window'];
  /** Relief pixels to a side of the blocks in which images are compared with the mean. */
  readonly blocks: number;
  /** It has to leave at most this share of what the mean image leaves unexplained (1 − r²). */
  readonly unexplainedShare: number;
}

const WAYS = {
  /** Compared in blocks that do not feel the play of a fixture. */
  everywhere: { search: 'everywhere', learn: learnTemplate, window: windowAround, blocks: 4, unexplainedShare: 0.5 },
  nearby: { search: 'nearby', learn: sharpenMean, window: wholeOf, blocks: 1, unexplainedShare: 0.6 },
} as const satisfies Record<Search, Way>;

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
  /** How to find the part; null where its place is known well enough. */
  readonly locate: LocateSettings | null;
}

/** Learns from the reliefs of good images, made for either search, how parts lie and how they are found. */
export function learnPlacement(
  reliefs: Readonly<Record<Search, readonly Relief[]>>,
  choice: PlacementChoice,
): LearntPlacement {
  if (choice !== 'aligned') {
    const { helps, ...learnt } = learnWay(reliefs.everywhere, WAYS.everywhere);
    if (helps || choice === 'anywhere') return { placement: 'anywhere', ...learnt };
  }
  const { helps, agreement, locate } = learnWay(reliefs.nearby, WAYS.nearby);
  return { placement: 'aligned', agreement, locate: helps ? locate : null };
}

function learnWay(reliefs: readonly Relief[], { search, learn, window, blocks, unexplainedShare }: Way) {
  const judges = reliefs.filter((_, i) => i % 3 === 2);
  const learning = reliefs.filter((_, i) => i % 3 !== 2);
  const template = storedTemplate(learn(learning));
  const locator = new Locator(template, search);
  const found = judges.map((relief) => ({ relief, ...allAtOnce(locator.find(relief)) }));

  const upright = uprightPose(template);
  const asIs = (list: readonly Relief[]) => list.map((relief) => ({ relief, pose: upright }));
  const asSeen = agreement(meanRelief(asIs(learning), upright), asIs(judges), blocks);
  const located = agreement(template, found, blocks);
  const least = PLACEMENT.minimumShare * median(found.map(({ similarity }) => similarity));
  return {
    helps: 1 - located ** 2 < unexplainedShare * (1 - asSeen ** 2),
    agreement: { asSeen, located },
    locate: {
      search,
      template,
      window: window(template),
      minimumSimilarity: Math.max(0, Math.round(1000 * least) / 1000),
    },
  };
}

/** What was decided and why, for people; null where there were too few images to decide. */
export function describePlacement(learnt: LearntPlacement | null): string {
  if (learnt === null) return 'parts are taken to lie in one place';
  const { placement, agreement, locate } = learnt;
  const figures = `images agree with their mean by ${agreement.asSeen.toFixed(2)} as they are, by ${agreement.located.toFixed(2)} with each part found first`;
  if (placement === 'anywhere') return `parts lie anywhere and are found first: ${figures}`;
  return `parts lie in one place${locate ? ' with some play, which is taken back' : ''}: ${figures}`;
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

function wholeOf({ width, height }: Relief): LocateSettings['window'] {
  return { width, height };
}

/** The median correlation of reliefs with a template. */
function agreement(
  template: Relief,
  placed: readonly { readonly relief: Relief; readonly pose: Pose }[],
  blocks: number,
): number {
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
