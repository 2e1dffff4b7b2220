import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';
import { monotonicMs, type Sleeper } from './clock.js';
import { imageFilePipeline } from './presets.js';
import type { PipelineSeries } from './source.js';

export interface ImageFilesOptions {
  /** A folder, or a pattern for the names in one, such as `images/part-*.png` (`*` any characters, `?` any one). */
  readonly path: string;
  /** Begin again after the last file; files that came meanwhile are then seen. Default: false. */
  readonly loop?: boolean;
  /** Images read each second. Absent: as fast as they are taken. */
  readonly framesPerSecond?: number;
}

const IMAGES = /\.(png|jpe?g|bmp|tiff?|webp)$/i;

/**
 * Image files as a camera: each file is one frame, in the order of their names, in a pipeline of its own. Names may be
 * anything and sizes may differ; a file that cannot be read is an outage of its own and the next one follows.
 * A folder that is missing or without images is an outage too, which ends when there are images.
 */
export function imageFiles(options: ImageFilesOptions): PipelineSeries {
  const { path, loop = false, framesPerSecond } = options;
  let files: string[] | undefined;
  let at = 0;
  let dueMs = 0;
  return {
    async next(sleeper: Sleeper) {
      if (files === undefined || (loop && at >= files.length)) {
        files = await listImages(path);
        at = 0;
      }
      const file = files[at++];
      if (file === undefined) return null;
      if (framesPerSecond !== undefined) {
        await sleeper.sleep(dueMs - monotonicMs());
        dueMs = Math.max(dueMs, monotonicMs() - 1000 / framesPerSecond) + 1000 / framesPerSecond;
      }
      return { text: imageFilePipeline(file), label: basename(file) };
    },
  };
}

/**
 * The image files of a folder or a pattern, by name (in the order of their characters' codes).
 * @throws SideglanceError SG_IMAGE_UNREADABLE when there is no such folder or no image in it
 */
async function listImages(path: string): Promise<string[]> {
  const [folder, wanted] = (await isFolder(path)) ? [path, IMAGES] : [dirname(path), pattern(basename(path))];
  let names: string[];
  try {
    names = (await readdir(folder, { withFileTypes: true }))
      .filter((entry) => !entry.isDirectory() && wanted.test(entry.name))
      .map((entry) => entry.name);
  } catch (cause) {
    throw new SideglanceError('SG_IMAGE_UNREADABLE', `the folder of images cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
  if (names.length === 0) throw new SideglanceError('SG_IMAGE_UNREADABLE', `there is no image at ${path}`);
  return names.sort((a, b) => (a < b ? -1 : 1)).map((name) => join(folder, name));
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function pattern(text: string): RegExp {
  const source = text
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`);
}
