import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { reasonOf, SideglanceError } from '../errors.js';
import { decodeImage, IMAGE_EXTENSIONS } from '../image/decode.js';
import { replaceFile } from '../model/sync.js';
import { ACCEPTANCE_LABELS, type AcceptanceLabel, type AcceptancePart } from './acceptance-part.js';

export const ACCEPTANCE_LIMITS = {
  /** Of one station. Each of them costs an inspection whenever a model is installed. */
  maxImages: 200,
  maxBytes: 512 * 1024 * 1024,
} as const;

const DIGEST_CHARACTERS = 16;

/**
 * Labelled parts that every model has to judge right before it is made active, as whole frames of the camera, in
 * `<folder>/<station>/<label>/`. They belong to this device and never come with a bundle: golden samples are made by whoever made
 * the model.
 */
export class AcceptanceSet {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** That of a device. */
  static in(stateFolder: string): AcceptanceSet {
    return new AcceptanceSet(join(stateFolder, 'acceptance'));
  }

  /** @throws SideglanceError `SG_STORAGE` */
  async list(station: string): Promise<AcceptancePart[]> {
    const found: AcceptancePart[] = [];
    for (const label of ACCEPTANCE_LABELS) {
      const folder = join(this.#folder, station, label);
      for (const name of (await namesIn(folder)).filter(isImage).sort()) {
        const path = join(folder, name);
        found.push({ station, label, name, path, bytes: (await stat(path)).size });
      }
    }
    return found;
  }

  /**
   * Adds a picture, or gives one that is there another label.
   * @throws SideglanceError `SG_IMAGE_UNREADABLE`; `SG_ACCEPTANCE_FULL`; `SG_STORAGE`
   */
  async add(station: string, label: AcceptanceLabel, file: string): Promise<AcceptancePart> {
    const bytes = await readFile(file).catch((cause: unknown) => {
      throw new SideglanceError('SG_IMAGE_UNREADABLE', `${file} cannot be read: ${reasonOf(cause)}. Check the path`, {
        cause,
      });
    });
    await decodeImage(bytes, file);
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, DIGEST_CHARACTERS);
    const name = digest + extname(file).toLowerCase();
    const others = (await this.list(station)).filter((one) => !one.name.startsWith(digest));
    checkRoom(station, others, bytes.byteLength);
    const folder = join(this.#folder, station, label);
    const path = join(folder, name);
    try {
      await mkdir(folder, { recursive: true });
      await replaceFile(path, bytes);
    } catch (cause) {
      throw new SideglanceError(
        'SG_STORAGE',
        `${path} cannot be written: ${reasonOf(cause)}. See to the folder of acceptance parts`,
        { cause },
      );
    }
    const before = (await this.list(station)).filter((one) => one.name.startsWith(digest) && one.path !== path);
    for (const one of before) await rm(one.path, { force: true });
    return { station, label, name, path, bytes: bytes.byteLength };
  }

  /** @param name as `list` shows it @throws SideglanceError `SG_USAGE` where there is none of this name */
  async remove(station: string, name: string): Promise<void> {
    const found = (await this.list(station)).filter((one) => one.name === name);
    if (found.length === 0) {
      throw new SideglanceError(
        'SG_USAGE',
        `station ${station} has no acceptance part ${name}. See \`sideglance model accept list\``,
      );
    }
    for (const { path } of found) await rm(path, { force: true });
  }
}

function checkRoom(station: string, others: readonly AcceptancePart[], more: number): void {
  const bytes = others.reduce((sum, one) => sum + one.bytes, more);
  if (others.length < ACCEPTANCE_LIMITS.maxImages && bytes <= ACCEPTANCE_LIMITS.maxBytes) return;
  throw new SideglanceError(
    'SG_ACCEPTANCE_FULL',
    `station ${station} has ${others.length} acceptance parts; ${ACCEPTANCE_LIMITS.maxImages} of ${ACCEPTANCE_LIMITS.maxBytes / 2 ** 20} MiB in sum are the most. Remove some first`,
  );
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw new SideglanceError('SG_STORAGE', `${folder} cannot be read: ${cause.message}. See to its permissions`, {
      cause,
    });
  });
}

function isImage(name: string): boolean {
  return IMAGE_EXTENSIONS.has(extname(name));
}
