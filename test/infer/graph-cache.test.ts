import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { defaultGraphFolder, type Graph, GraphCache } from '../../src/infer/graph-cache.js';
import { Session } from '../../src/infer/ort/session.js';
import { tinyModel } from '../support/tiny-bundle.js';

const VERSION = '1.2.3';
const SIDE = 64;

let root: string;
let folder: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'sideglance-graphs-'));
});
after(() => rm(root, { recursive: true }));
beforeEach(async () => {
  folder = join(await mkdtemp(join(root, 'case-')), 'graphs');
});

/** The score map of a striped picture, and how the session was made. */
async function scored(cache: GraphCache, model: Uint8Array): Promise<{ score: number[]; made: Graph['optimisation'] }> {
  let made: Graph['optimisation'] = 'all';
  const session = await cache.use(model, VERSION, async ({ bytes, ...options }) => {
    const one = await Session.create(bytes, options);
    made = options.optimisation;
    return one;
  });
  try {
    const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * 37) % 256);
    const outputs = await session.runOnce({ region: { type: 'uint8', shape: [1, SIDE, SIDE, 3], data } });
    return { score: Array.from(outputs.score?.data as Float32Array), made };
  } finally {
    await session.close();
  }
}

async function graphs(): Promise<string[]> {
  return (await readdir(folder)).map((name) => join(folder, name));
}

describe('optimised graphs on disk', () => {
  it('are used from the second time on, and compute the same', async () => {
    const model = tinyModel();
    const first = await scored(new GraphCache(folder), model);
    const second = await scored(new GraphCache(folder), model);
    assert.deepEqual([first.made, second.made], ['all', 'none']);
    assert.deepEqual(second.score, first.score);
    assert.equal((await graphs()).length, 1, 'nothing but the graph is left');
  });

  it('are kept apart by model and by the version of the runtime', async () => {
    const cache = new GraphCache(folder);
    await scored(cache, tinyModel());
    const other = await cache.use(tinyModel(), '1.2.4', async ({ optimisation }) => optimisation);
    assert.equal(other, 'all');
    assert.equal(await cache.use(tinyModel(64, 128), VERSION, async ({ optimisation }) => optimisation), 'all');
  });

  it('that were changed or cut off are made anew', async () => {
    const model = tinyModel();
    const cache = new GraphCache(folder);
    const { score } = await scored(cache, model);
    const [file] = (await graphs()) as [string];
    const whole = await readFile(file);
    const changed = Buffer.from(whole);
    changed[whole.length >> 1]! ^= 1;
    for (const damaged of [changed, whole.subarray(0, 100), Buffer.alloc(0)]) {
      await writeFile(file, damaged);
      assert.deepEqual(await scored(cache, model), { score, made: 'all' });
      assert.deepEqual(await scored(cache, model), { score, made: 'none' });
    }
  });

  it('are done without where the folder cannot be written', async () => {
    await writeFile(folder, 'a file, no folder');
    assert.equal((await scored(new GraphCache(folder), tinyModel())).made, 'all');
  });

  it('leave a model at fault to say so itself, and nothing behind', async () => {
    const nonsense = new Uint8Array([1, 2, 3]);
    await assert.rejects(
      () => scored(new GraphCache(folder), nonsense),
      (thrown) => thrown instanceof SideglanceError && thrown.code === 'SG_MODEL_UNREADABLE',
    );
    assert.deepEqual(await graphs(), []);
  });

  it('that were not used for longest go when all of them are too large, and what a killed process left with them', async () => {
    const cache = new GraphCache(folder);
    await scored(cache, tinyModel());
    const [oldest] = (await graphs()) as [string];
    await utimes(oldest, 1, 1);
    const { size } = await stat(oldest);
    const small = new GraphCache(folder, 1.5 * size);
    await small.use(tinyModel(SIDE, 128), VERSION, ({ bytes, ...options }) =>
      Session.create(bytes, options).then((session) => session.close()),
    );
    await writeFile(join(folder, 'killed.graph.1234'), 'half');
    await utimes(join(folder, 'killed.graph.1234'), 1, 1);
    await small.use(tinyModel(SIDE, 192), VERSION, ({ bytes, ...options }) =>
      Session.create(bytes, options).then((session) => session.close()),
    );
    const left = await graphs();
    assert.equal(left.length, 1);
    assert.notEqual(left[0], oldest);
  });
});

it('graphs lie in the cache of the service, or of the user', () => {
  assert.equal(defaultGraphFolder({ CACHE_DIRECTORY: '/var/cache/sideglance' }), '/var/cache/sideglance/graphs');
  assert.equal(defaultGraphFolder({ XDG_CACHE_HOME: '/home/a/.c' }), '/home/a/.c/sideglance/graphs');
});
