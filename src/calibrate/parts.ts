import { stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { SideglanceError } from '../errors.js';
import { listImages } from '../image/decode.js';
import { invalidLabels, type Label, readLabels } from './labels.js';

/** An image of a part that was seen on the line. */
export interface Part {
  readonly file: string;
  /** Whether it is a good part. */
  readonly label: Label;
}

export interface PartsOptions {
  /** A folder of images. */
  readonly images: string;
  /** A file of labels, whose file names are relative to `images`. Without one every image is of a good part. */
  readonly labels?: string;
  /** Images without a label in `labels` are of good parts, too. */
  readonly assumeGood?: boolean;
}

/**
 * The images of a folder with what is known about each. Those that only the labels name, in sub-folders for example,
 * belong to them.
 *
 * @throws SideglanceError `SG_DATASET_INVALID` for a folder that cannot be read or holds no images, `SG_LABELS_INVALID`
 * for labels with faults, of files that are not there, or that leave images without one
 */
export async function readParts({ images, labels, assumeGood = false }: PartsOptions): Promise<Part[]> {
  const files = await listImages(images);
  if (labels === undefined) {
    if (files.length === 0) throw await noImages(images);
    return files.map((file) => ({ file, label: 'pass' }));
  }
  const known = await labelledFiles(images, labels);
  const listed = new Set(files.map((file) => resolve(file)));
  const elsewhere = [...known].filter(([path]) => !listed.has(path));
  const unlabelled = files.filter((file) => !known.has(resolve(file)));
  if (files.length + elsewhere.length === 0) throw await noImages(images);
  if (unlabelled.length > 0 && !assumeGood) {
    throw invalidLabels(
      `${unlabelled.length} of ${files.length + elsewhere.length} images have no label in ${labels}: label them, or say --assume-good when they are of good parts:`,
      unlabelled,
    );
  }
  return [
    ...files.map((file) => ({ file, label: known.get(resolve(file))?.label ?? ('pass' as const) })),
    ...elsewhere.map(([, { file, label }]) => ({ file, label })),
  ];
}

/** By absolute path, in the order of the labels. */
async function labelledFiles(images: string, labels: string): Promise<Map<string, Part & { line: number }>> {
  const known = new Map<string, Part & { line: number }>();
  const faults: string[] = [];
  for (const { file, label, line } of await readLabels(labels)) {
    const path = resolve(images, file);
    const before = known.get(path);
    if (before && before.label !== label) {
      faults.push(`${labels}:${line}: ${file} is labelled ${label}, but ${before.label} in line ${before.line}`);
    } else if (!before && !(await isFile(path))) {
      faults.push(`${labels}:${line}: there is no image ${join(images, file)}`);
    }
    known.set(path, { file: isAbsolute(file) ? file : join(images, file), label, line });
  }
  if (faults.length > 0) throw invalidLabels(`the labels ${labels} do not fit the images in ${images}:`, faults);
  return known;
}

async function noImages(folder: string): Promise<SideglanceError> {
  const isCategory = await stat(join(folder, 'train', 'good')).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
  return new SideglanceError(
    'SG_DATASET_INVALID',
    isCategory
      ? `${folder} is laid out as a data set to train from, and what a model was trained with must not calibrate it: name a folder of images of parts seen on the line, or give --labels that name images in ${folder}`
      : `${folder} holds no images: give a folder of pictures of parts seen on the line`,
  );
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );
}
