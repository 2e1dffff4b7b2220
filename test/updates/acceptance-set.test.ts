import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ACCEPTANCE_LIMITS, AcceptanceSet } from '../../src/updates/acceptance-set.js';
import { fault } from '../support/faults.js';
import { writeGrey } from '../support/grey-images.js';

const root = await mkdtemp(join(tmpdir(), 'sideglance-acceptance-'));
after(() => rm(root, { recursive: true, force: true }));
const good = join(root, 'good.png');
await writeGrey(good, 20);

test('the same picture is kept once, with the label that it got last, for each station on its own', async () => {
  const set = new AcceptanceSet(join(root, 'labels'));
  assert.deepEqual(await set.list('top'), []);
  const { name } = await set.add('top', 'pass', good);
  await set.add('top', 'pass', good);
  await set.add('side', 'pass', good);
  await set.add('top', 'fail', good);
  assert.deepEqual(
    (await set.list('top')).map((part) => [part.label, part.name]),
    [['fail', name]],
  );
  assert.equal((await set.list('side'))[0]?.label, 'pass');
  await set.remove('top', name);
  assert.deepEqual(await set.list('top'), []);
  await assert.rejects(set.remove('top', name), fault('SG_USAGE', /no acceptance part/));
});

test('what cannot be decoded is not taken in, and nothing of it stays', async () => {
  const folder = join(root, 'broken');
  const broken = join(root, 'broken.png');
  await writeFile(broken, 'no picture');
  await assert.rejects(
    new AcceptanceSet(folder).add('top', 'pass', broken),
    fault('SG_IMAGE_UNREADABLE', /broken\.png/),
  );
  await assert.rejects(
    new AcceptanceSet(folder).add('top', 'pass', join(root, 'absent.png')),
    fault('SG_IMAGE_UNREADABLE', /absent/),
  );
  await assert.rejects(readdir(folder));
});

test('the set has a bound in bytes and in pictures', async () => {
  const set = new AcceptanceSet(join(root, 'bytes'));
  const { path } = await set.add('top', 'pass', good);
  await truncate(path, ACCEPTANCE_LIMITS.maxBytes);
  const other = join(root, 'other.png');
  await writeGrey(other, 21);
  await assert.rejects(set.add('top', 'pass', other), fault('SG_ACCEPTANCE_FULL', /has 1 acceptance parts; 200/));
  await truncate(path, 10);
  for (let i = 1; i < ACCEPTANCE_LIMITS.maxImages; i++) await writeFile(path.replace(/[^/]+$/, `${i}.png`), '');
  await assert.rejects(set.add('top', 'pass', other), fault('SG_ACCEPTANCE_FULL', /has 200/));
});
