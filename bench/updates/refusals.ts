import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { SideglanceError } from '../../src/errors.js';
import { TarSource } from '../../src/model/bundle/source.js';
import { keySetFile } from '../../src/model/signing/key-set.js';
import { ModelStore } from '../../src/model/store/store.js';
import { activated } from '../../src/model/store/transitions.js';
import { archiveOf, inChunks, makeSigners, smallBundle, TARGET } from './small-bundle.js';
import { tampered } from './tampered.js';

export interface Refusals {
  readonly tampered: number;
  /** How many were refused with each code. */
  readonly byCode: Readonly<Record<string, number>>;
  /** Those that were installed, refused with another code, or left something behind; empty when all is well. */
  readonly wrong: readonly string[];
  readonly seconds: number;
}

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');

/**
 * Tries to install tampered bundles beside a model that is in use. Whatever lies around the store, and the store itself but
 * for its staging folder, has to stay as it was.
 */
export async function measureRefusals(positions: number): Promise<Refusals> {
  const begun = performance.now();
  const root = await mkdtemp(join(tmpdir(), 'sideglance-tampered-'));
  try {
    const signers = makeSigners();
    const store = await storeWithModel(root, signers);
    const admission = { target: TARGET, nowMs: NOW_MS };
    const before = await fingerprint(root);
    const byCode: Record<string, number> = {};
    const wrong: string[] = [];
    let count = 0;
    for (const { what, code, archive } of tampered({ signers, installed: '1.0.0', positions })) {
      count++;
      const found = await store.install(new TarSource('bundle.tar', inChunks(archive)), admission).then(
        () => 'installed',
        (thrown: unknown) => (thrown instanceof SideglanceError ? thrown.code : String(thrown)),
      );
      byCode[found] = (byCode[found] ?? 0) + 1;
      if (found !== code) wrong.push(`${what}: ${found} instead of ${code}`);
    }
    if ((await fingerprint(root)) !== before) wrong.push('something was touched');
    return { tampered: count, byCode, wrong, seconds: (performance.now() - begun) / 1000 };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function storeWithModel(root: string, { keySet, trusted }: ReturnType<typeof makeSigners>): Promise<ModelStore> {
  await mkdir(join(root, 'elsewhere'));
  await writeFile(join(root, 'elsewhere', 'valuable.txt'), 'untouched');
  await writeFile(join(root, 'keys.json'), keySetFile(keySet));
  const store = new ModelStore({
    folder: join(root, 'store'),
    keys: join(root, 'keys.json'),
    keep: 2,
    maxBundleBytes: 2 ** 31,
  });
  const { entries } = smallBundle({ signers: trusted.slice(0, 2) });
  const source = new TarSource('good.tar', inChunks(archiveOf(entries)));
  const { id, digest } = await store.install(source, { target: TARGET, nowMs: NOW_MS });
  await store.change(id, (state) => activated(state, digest));
  return store;
}

/** Of every name and every byte below a folder; a staging folder has to be empty, the lock is nobody's. */
async function fingerprint(root: string): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of (await readdir(root, { recursive: true, withFileTypes: true })).sort((a, b) =>
    place(a) < place(b) ? -1 : 1,
  )) {
    hash.update(`${relative(root, place(entry))}\0${entry.isFile()}\0`);
    if (entry.isFile()) hash.update(await readFile(place(entry)));
  }
  return hash.digest('hex');
}

function place(entry: { readonly parentPath?: string; readonly path?: string; readonly name: string }): string {
  return join(entry.parentPath ?? entry.path ?? '', entry.name);
}
