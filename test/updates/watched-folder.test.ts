import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import type { InstallResult } from '../../src/updates/install.js';
import type { InstallRequest } from '../../src/updates/updater.js';
import { FOLDER_LIMITS, WatchedFolder } from '../../src/updates/watched-folder.js';
import { closeAtTheEnd } from '../publish/support/leftovers.js';

const BOUND_MS = 30_000;
const root = await mkdtemp(join(tmpdir(), 'sideglance-inbox-'));
after(() => rm(root, { recursive: true, force: true }));
let folders = 0;

/** A folder that is watched, on behalf of an updater that refuses what is called bad. */
function watched(install?: (file: string) => Promise<void>, lookEveryMs = 10) {
  const folder = join(root, String(folders++), 'inbox');
  const taken: string[] = [];
  const contents: string[] = [];
  const left: string[] = [];
  const watch = new WatchedFolder({
    folder,
    lookEveryMs,
    updater: {
      install: async ({ from }: InstallRequest) => {
        const { file } = from as { file: string };
        taken.push(basename(file));
        await install?.(file);
        if (file.endsWith('.tar')) contents.push(await readFile(file, 'utf8'));
        if (/bad/.test(file)) throw new SideglanceError('SG_BUNDLE_UNSIGNED', 'it has no signature');
        return { id: 'bracket', version: '1.0.0' } as InstallResult;
      },
    },
    onEvent: (_, event, { file, reason }) => {
      if (event !== 'model.found') left.push(`${event} ${basename(String(file))}: ${reason}`);
    },
  });
  watch.start();
  closeAtTheEnd(() => watch.stop());
  const has = async (place: string, ...names: readonly string[]) => {
    const end = Date.now() + BOUND_MS;
    for (;;) {
      const there = await readdir(join(folder, place)).catch((): string[] => []);
      if (names.every((name) => there.includes(name))) return there.sort();
      assert.ok(Date.now() < end, `${names.join(', ')} not in ${place}: ${there.join(', ')}; ${left.join('; ')}`);
      await new Promise((done) => setTimeout(done, 5));
    }
  };
  return { folder, taken, contents, left, has, watch };
}

test('bundles are installed, and put away beside a text that says what became of them', async () => {
  const { folder, taken, has } = watched();
  // The folder comes later than the daemon.
  await mkdir(join(folder, '..'), { recursive: true });
  await mkdir(`${folder}-prepared`);
  await writeFile(join(`${folder}-prepared`, 'good.tar'), 'good');
  await writeFile(join(`${folder}-prepared`, 'bad.tar'), 'bad');
  await mkdir(join(`${folder}-prepared`, 'bundle'));
  await writeFile(join(`${folder}-prepared`, 'bundle', 'manifest.json'), '{}');
  await rename(`${folder}-prepared`, folder);
  assert.deepEqual(await has('done', 'good.tar.txt', 'bundle.txt'), [
    'bundle',
    'bundle.txt',
    'good.tar',
    'good.tar.txt',
  ]);
  await has('refused', 'bad.tar', 'bad.tar.txt');
  assert.match(
    await readFile(join(folder, 'refused', 'bad.tar.txt'), 'utf8'),
    /\nSG_BUNDLE_UNSIGNED\nit has no signature\n/,
  );
  assert.match(await readFile(join(folder, 'done', 'good.tar.txt'), 'utf8'), /^bracket@1\.0\.0 is active/);
  assert.deepEqual(taken.sort(), ['bad.tar', 'bundle', 'good.tar']);
  await writeFile(join(folder, 'good.tar'), 'again');
  await has('done', '2-good.tar', '2-good.tar.txt');
});

test('a bundle that is still being copied is waited for', async () => {
  const { folder, contents, has } = watched(undefined, 100);
  await mkdir(folder, { recursive: true });
  for (let part = 0; part < 40; part++) {
    await appendFile(join(folder, 'slow.tar'), 'x');
    await new Promise((done) => setTimeout(done, 10));
  }
  await has('done', 'slow.tar.txt');
  assert.deepEqual(contents, ['x'.repeat(40)]);
});

test('links, other files and folders are left alone, and named once', async () => {
  const { folder, taken, left, has } = watched();
  await mkdir(join(folder, 'pictures'), { recursive: true });
  await writeFile(join(root, 'outside.tar'), 'outside');
  await symlink(join(root, 'outside.tar'), join(folder, 'link.tar'));
  await writeFile(join(folder, 'notes.txt'), 'x');
  await writeFile(join(folder, '.hidden.tar'), 'x');
  await writeFile(join(folder, 'last.tar'), 'x');
  await has('done', 'last.tar.txt');
  assert.deepEqual(taken, ['last.tar']);
  assert.deepEqual(left.sort(), [
    'model.left-alone link.tar: it is a link. Put the bundle itself there',
    'model.left-alone notes.txt: it is no .tar file',
    'model.left-alone pictures: it is a folder without manifest.json',
  ]);
  assert.equal(await readFile(join(root, 'outside.tar'), 'utf8'), 'outside');
});

test('a stick that is pulled out while its bundle is installed is no fault; put back, it is looked at again', async () => {
  let isPulled = false;
  const { folder, taken, has } = watched(async () => {
    if (isPulled) return;
    isPulled = true;
    await rename(folder, `${folder}-pulled`);
    throw new Error('EIO');
  });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'stick.tar'), 'x');
  const end = Date.now() + BOUND_MS;
  while (taken.length === 0 || !(await readdir(join(folder, '..'))).includes('inbox-pulled')) {
    assert.ok(Date.now() < end);
    await new Promise((done) => setTimeout(done, 5));
  }
  await new Promise((done) => setTimeout(done, 50));
  await cp(`${folder}-pulled`, folder, { recursive: true });
  await has('done', 'stick.tar.txt');
  assert.deepEqual(taken, ['stick.tar', 'stick.tar']);
});

test('one that cannot be judged yet stays where it is', async () => {
  const { folder, taken, has } = watched(async (file) => {
    if (file.endsWith('early.tar')) throw new SideglanceError('SG_BUNDLE_CLOCK_UNSET', 'not yet');
  });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'early.tar'), 'x');
  await writeFile(join(folder, 'later.tar'), 'x');
  await has('done', 'later.tar.txt');
  assert.deepEqual(taken, ['early.tar', 'later.tar']);
  assert.ok((await readdir(folder)).includes('early.tar'));
});

test('the newest that were put away are kept', async () => {
  const { folder, has, watch } = watched();
  await mkdir(join(folder, 'done'), { recursive: true });
  await writeFile(join(folder, 'done', 'mine'), 'somebody else put it here');
  for (let number = 0; number <= FOLDER_LIMITS.kept; number++) {
    await writeFile(join(folder, `${number}.tar`), 'x');
    await has('done', `${number}.tar.txt`);
  }
  await watch.stop();
  const names = await has('done', 'mine');
  assert.equal(names.length, 2 * FOLDER_LIMITS.kept + 1);
  assert.ok(!names.includes('0.tar'));
});
