import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';
import { decodeImage, IMAGE_EXTENSIONS, inNaturalOrder, listImages } from '../image/decode.js';

/** The folder name of images without a defect. */
export const GOOD = 'good';
/** Mask pixels above this grey level are defective. */
const MASK_THRESHOLD = 127;
/** Faults that one message names; a dataset that is laid out wrongly has thousands. */
const FAULTS_NAMED = 8;

export interface TestImage {
  readonly path: string;
  /** The name of the defect, `good` where there is none. */
  readonly defect: string;
  /** The ground truth of a defective image; null for a good one. */
  readonly mask: string | null;
}

/** A category in the layout of MVTec AD (Bergmann et al., CVPR 2019). */
export interface Dataset {
  readonly folder: string;
  readonly name: string;
  /** Good images first, then the defects by name; each in natural order. */
  readonly test: readonly TestImage[];
  /** The names of the defects, in natural order. */
  readonly defects: readonly string[];
}

/**
 * Reads the test part of a category: `test/good`, `test/<defect>`, and `ground_truth/<defect>/<name>_mask.png` (or
 * `<name>.png`) for every defective image. Lists files only; nothing is decoded.
 * @throws SideglanceError `SG_DATASET_INVALID`, naming everything that is missing.
 */
export async function readDataset(folder: string): Promise<Dataset> {
  const test = join(folder, 'test');
  if (!(await isFolder(test))) {
    throw new SideglanceError(
      'SG_DATASET_INVALID',
      `${folder} has no folder "test"; a dataset is laid out as test/good, test/<defect> and ` +
        'ground_truth/<defect>/<name>_mask.png',
    );
  }
  const defects = (await foldersIn(test)).filter((name) => name !== GOOD);
  const faults: string[] = [];
  const images: TestImage[] = [];
  if (await isFolder(join(test, GOOD))) {
    for (const path of await listImages(join(test, GOOD))) images.push({ path, defect: GOOD, mask: null });
  }
  for (const defect of defects) {
    const paths = await listImages(join(test, defect));
    if (paths.length === 0) faults.push(`test/${defect} holds no images`);
    const truth = join(folder, 'ground_truth', defect);
    if (!(await isFolder(truth))) {
      faults.push(`the folder ground_truth/${defect} is missing`);
      continue;
    }
    const masks = new Map((await listImages(truth)).map((path) => [stemOf(path), path]));
    for (const path of paths) {
      const mask = masks.get(`${stemOf(path)}_mask`) ?? masks.get(stemOf(path));
      if (mask === undefined) faults.push(`test/${defect}/${basename(path)} has no mask ${stemOf(path)}_mask.png`);
      else images.push({ path, defect, mask });
    }
  }
  if (images.length === 0 && faults.length === 0) faults.push('test holds no images');
  if (faults.length > 0) {
    const named = faults.slice(0, FAULTS_NAMED).join('; ');
    const more = faults.length > FAULTS_NAMED ? `; and ${faults.length - FAULTS_NAMED} more` : '';
    throw new SideglanceError('SG_DATASET_INVALID', `${folder} cannot be evaluated: ${named}${more}`);
  }
  return { folder, name: basename(folder), test: images, defects };
}

/**
 * The images to train from: `train/good` where the folder is a category, otherwise the images in the folder itself.
 * The list may be empty.
 * @throws SideglanceError `SG_DATASET_INVALID` where the folder cannot be read, or is a category without `train/good`.
 */
export async function trainingImages(folder: string): Promise<string[]> {
  const good = join(folder, 'train', GOOD);
  if (await isFolder(good)) return listImages(good);
  const images = await listImages(folder);
  if (images.length === 0 && ((await isFolder(join(folder, 'train'))) || (await isFolder(join(folder, 'test'))))) {
    throw new SideglanceError(
      'SG_DATASET_INVALID',
      `${folder} looks like a dataset but has no folder train/good; put the good images there, or name their folder`,
    );
  }
  return images;
}

/**
 * A ground truth as 0 (good) and 1 (defective), one byte a pixel of the image it belongs to.
 * @throws SideglanceError `SG_IMAGE_UNREADABLE`; `SG_DATASET_INVALID` where its size is not that of the image.
 */
export async function readMask(path: string, width: number, height: number): Promise<Uint8Array> {
  const picture = await decodeImage(path);
  if (picture.width !== width || picture.height !== height) {
    throw new SideglanceError(
      'SG_DATASET_INVALID',
      `the mask ${path} is ${picture.width}×${picture.height}, but its image is ${width}×${height}`,
    );
  }
  const mask = new Uint8Array(width * height);
  for (let i = 0; i < mask.length; i++) mask[i] = picture.data[i * 3]! > MASK_THRESHOLD ? 1 : 0;
  return mask;
}

function stemOf(path: string): string {
  return basename(path, extname(path));
}

async function foldersIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const names: string[] = [];
    for (const entry of entries) {
      if (entry.name.startsWith('.') || IMAGE_EXTENSIONS.has(extname(entry.name).toLowerCase())) continue;
      if (await isFolder(join(folder, entry.name))) names.push(entry.name);
    }
    return names.sort(inNaturalOrder);
  } catch (cause) {
    throw new SideglanceError('SG_DATASET_INVALID', `${folder} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

/** Follows links: datasets are often linked together. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
