import { SideglanceError } from '../errors.js';
import { trainingImages } from '../evaluate/dataset.js';
import { Cropper } from '../infer/locate/cropper.js';
import { type LocateSettings, SEARCHES, type Search } from '../infer/locate/locator.js';
import { type Relief, ReliefMaker, reliefSize } from '../infer/locate/relief.js';
import { allAtOnce } from '../pieces.js';
import type { Random } from '../random.js';
import { LOCAL_NET } from './networks/local-net.js';
import { Pictures } from './pictures.js';
import { type LearntPlacement, learnPlacement, PLACEMENT, type PlacementChoice } from './placement.js';
import { REGION_STORE_BYTES, RegionStore, type Stored } from './region-store.js';
import type { GoodImage } from './strange-images.js';

export const GOOD_IMAGES = {
  least: 20,
  /** Share that is held out of training, to normalise and to calibrate. */
  heldOutShare: 0.2,
  /** Fewest cells on a side: below, nothing is left around a patch. */
  leastCells: 12,
} as const;

export interface GoodImages {
  readonly width: number;
  readonly height: number;
  /** Regions as the network sees them: where the part is found first, each is in the template's pose. */
  readonly training: readonly GoodImage[];
  readonly heldOut: readonly GoodImage[];
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
  /** How to find the part; null where its place is known well enough. */
  readonly locate: LocateSettings | null;
  /** What was found out about the placement; null where there were too few images to say. */
  readonly learnt: LearntPlacement | null;
  /** Gives back what is kept outside of memory; no region can be read any more. */
  close(): void;
}

export interface ReadOptions {
  /** `auto` when left out. */
  readonly placement?: PlacementChoice;
  readonly signal?: AbortSignal;
  /** Regions of more bytes lie in a temporary file. */
  readonly memoryBytes?: number;
}

/**
 * Reads the good images of a folder (or of `train/good` in it, when it is an MVTec category) scaled to one region size
 * of about `size`² pixels that keeps their aspect ratio, and splits them into training and held-out ones. Where parts
 * lie anywhere, regions show the part alone, in the pose of a template that is learnt first; where they lie in one place with
 * some play, it is taken back.
 *
 * @throws SideglanceError `SG_DATASET_INVALID` when there is no such folder or no image in it, `SG_TOO_FEW_IMAGES`,
 * `SG_IMAGE_UNREADABLE` when none can be decoded, `SG_STORAGE` when regions cannot be laid aside
 */
export async function readGoodImages(
  folder: string,
  size: number,
  random: Random,
  { placement = 'auto', signal, memoryBytes = REGION_STORE_BYTES }: ReadOptions = {},
): Promise<GoodImages> {
  const files = await imageFiles(folder);
  const pictures = new Pictures(signal, 'shape');
  const learnt = await learnFrom(files, pictures, placement);
  const store = new RegionStore(memoryBytes);
  try {
    const images: GoodImage[] = [];
    const skipped: { file: string; reason: string }[] = [];
    let reading: Reading | null = null;
    for (const file of files) {
      const read = await pictures.read(file);
      if ('reason' in read) {
        skipped.push({ file, reason: read.reason });
        continue;
      }
      const { picture } = read;
      reading ??= readingOf(picture, learnt?.locate ?? null, size);
      const { cropper, input } = reading;
      const data = new Uint8Array(input.width * input.height * 3);
      const found = allAtOnce(cropper.crop(picture, wholeOf(picture), { ...input, data }));
      if (found && !found.found) {
        skipped.push({ file, reason: `the part cannot be found in it (similarity ${found.similarity.toFixed(2)})` });
        continue;
      }
      images.push(storedImage(file, input, store.add(data)));
    }
    requireEnough(images.length, folder, skipped);
    const { input, locate } = reading as Reading; // there are images
    const order = random.permutation(images.length);
    const heldOutCount = Math.max(4, Math.round(images.length * GOOD_IMAGES.heldOutShare));
    const picked = (indices: number[]) => indices.map((index) => images[index] as GoodImage);
    return {
      ...input,
      training: picked(order.slice(heldOutCount)),
      heldOut: picked(order.slice(0, heldOutCount)),
      skipped,
      locate,
      learnt,
      close: () => store.close(),
    };
  } catch (thrown) {
    store.close();
    throw thrown;
  }
}

/** Learns the placement from images evenly spread over the folder. */
async function learnFrom(
  files: readonly string[],
  pictures: Pictures,
  placement: PlacementChoice,
): Promise<LearntPlacement | null> {
  const count = Math.min(PLACEMENT.mostImages, files.length);
  const reliefs: Record<Search, Relief[]> = { everywhere: [], nearby: [] };
  let makers: Record<Search, ReliefMaker> | null = null;
  for (let i = 0; i < count; i++) {
    const read = await pictures.read(files[Math.floor((i * files.length) / count)] as string);
    if ('reason' in read) continue;
    makers ??= {
      everywhere: new ReliefMaker(reliefSize(read.picture, 'everywhere')),
      nearby: new ReliefMaker(reliefSize(read.picture, 'nearby')),
    };
    for (const search of SEARCHES) {
      const relief = makers[search].make(read.picture, wholeOf(read.picture));
      reliefs[search].push({ ...relief, values: relief.values.slice() });
    }
  }
  // Too few to learn from are too few to train with: that is said when all have been read.
  return reliefs.nearby.length < PLACEMENT.leastImages ? null : learnPlacement(reliefs, placement);
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** How regions are made from pictures. */
interface Reading {
  readonly input: Size;
  readonly locate: LocateSettings | null;
  readonly cropper: Cropper;
}

/** @param first the picture whose shape all have */
function readingOf(first: Size, locate: LocateSettings | null, size: number): Reading {
  if (locate?.search !== 'everywhere') {
    return { input: regionSize(first.width, first.height, size), locate, cropper: new Cropper(locate) };
  }
  const { width, height } = locate.window;
  const input = regionSize(width, height, size);
  // As large as it has to be for the shape of the input.
  const scale = Math.max(width / input.width, height / input.height);
  const window = { width: scale * input.width, height: scale * input.height };
  return { input, locate: { ...locate, window }, cropper: new Cropper({ ...locate, window }) };
}

/** Its `data` is read anew each time where it lies in a file. */
export function storedImage(file: string, { width, height }: Size, stored: Stored): GoodImage {
  return {
    file,
    width,
    height,
    get data() {
      return stored.data;
    },
  };
}

function wholeOf({ width, height }: Size) {
  return { x: 0, y: 0, width, height };
}

/**
 * Sides that are multiples of the stride, with about `size`² pixels and, of those within a tenth of that area, the ones
 * that keep the image's aspect ratio best.
 */
export function regionSize(width: number, height: number, size: number): { width: number; height: number } {
  const { stride } = LOCAL_NET;
  const aspect = width / height;
  const rounded = Math.round((size * Math.sqrt(aspect)) / stride);
  const candidates = [-2, -1, 0, 1, 2].map((step) => {
    const columns = Math.max(GOOD_IMAGES.leastCells, rounded + step);
    return { columns, rows: Math.max(GOOD_IMAGES.leastCells, Math.round(columns / aspect)) };
  });
  const fault = ({ columns, rows }: { columns: number; rows: number }) => {
    const area = Math.abs(Math.log((columns * rows * stride ** 2) / size ** 2));
    return Math.abs(Math.log(columns / rows / aspect)) + 0.01 * area + Math.max(0, area - 0.1);
  };
  const best = candidates.reduce((a, b) => (fault(b) < fault(a) ? b : a));
  return { width: best.columns * stride, height: best.rows * stride };
}

/**
 * The files of the good images of a folder.
 * @throws SideglanceError as `readGoodImages`, where the folder itself is at fault
 */
export async function imageFiles(folder: string): Promise<string[]> {
  const files = await trainingImages(folder);
  if (files.length === 0) {
    throw new SideglanceError(
      'SG_DATASET_INVALID',
      `${folder} holds no images: give a folder of pictures of good parts`,
    );
  }
  requireEnough(files.length, folder);
  return files;
}

/** @throws SideglanceError `SG_IMAGE_UNREADABLE` for none at all, `SG_TOO_FEW_IMAGES` */
export function requireEnough(count: number, folder: string, skipped: GoodImages['skipped'] = []): void {
  if (count >= GOOD_IMAGES.least) return;
  const [first] = skipped;
  if (count === 0 && first) {
    throw new SideglanceError(
      'SG_IMAGE_UNREADABLE',
      `none of the ${skipped.length} images in ${folder} can be read: ${first.reason}`,
    );
  }
  throw new SideglanceError(
    'SG_TOO_FEW_IMAGES',
    `${folder} holds ${count} usable images; training needs at least ${GOOD_IMAGES.least} pictures of good parts, 100 or more are better`,
  );
}
