import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { defaultEngineFolder, EngineCache } from '../../../src/infer/tensorrt/engine-cache.js';
import { MAX_UNFINISHED_LOADS } from '../../../src/infer/tensorrt/engine-entry.js';
import { type EngineFacts, engineKey, timingKey } from '../../../src/infer/tensorrt/engine-key.js';
import { FileLock } from '../../../src/native/file-lock.js';
import { fault } from '../../support/faults.js';

const FACTS: EngineFacts = {
  model: 'a'.repeat(64),
  onnxRuntime: '1.30.0',
  tensorrt: '10.3.0.26',
  gpu: 'Orin',
  computeCapability: '8.7',
  precision: 'fp16',
  shapes: 'region:1x256x256x3',
  options: { trt_max_workspace_size: '1073741824' },
};

const root = await mkdtemp(join(tmpdir(), 'sideglance-engines-'));
after(() => rm(root, { recursive: true, force: true }));
let count = 0;
const freshFolder = () => join(root, String(count++));

/** Does with the folder what the TensorRT provider does: reads the engine that lies there, or writes one. */
class FakeProvider {
  built = 0;
  loaded = 0;
  /** Engines of another TensorRT do not load. */
  understands = 'engine';
  readonly text: string;

  constructor(text = 'engine of 1 kB'.padEnd(1024, '.')) {
    this.text = text;
  }

  readonly create = async (folder: string): Promise<string> => {
    const names = await readdir(folder);
    const engine = names.find((name) => name.endsWith('.engine'));
    if (engine !== undefined) {
      const text = await readFile(join(folder, engine), 'utf8');
      if (!text.startsWith(this.understands)) {
        throw new Error(`TensorRT EP could not deserialize engine from cache: ${engine}`);
      }
      this.loaded++;
      return text;
    }
    const timing = names.find((name) => name.endsWith('.timing'));
    if (timing && (await readFile(join(folder, timing), 'utf8')) !== 'timings') {
      throw new Error(`TensorRT EP could not create timing cache: ${timing}`);
    }
    this.built++;
    await writeFile(join(folder, 'TensorrtExecutionProvider_cache_sm87.timing'), 'timings');
    await writeFile(join(folder, 'graph_sm87.engine'), this.text);
    return this.text;
  };
}

test('an engine is built once, and read from then on', async () => {
  const cache = new EngineCache(freshFolder());
  const provider = new FakeProvider();
  const seen: string[] = [];
  const watch = { onBuilding: () => seen.push('building'), onWarning: (text: string) => seen.push(text) };
  const first = await cache.use(FACTS, provider.create, watch);
  const second = await cache.use(FACTS, provider.create, watch);
  assert.deepEqual([provider.built, provider.loaded, seen], [1, 1, ['building']]);
  assert.equal(first.key, engineKey(FACTS));
  assert.ok(first.buildSeconds !== null && first.folder?.endsWith(first.key));
  assert.deepEqual([second.made, second.buildSeconds], [first.made, null]);
});

test('every fact has a share in the key, the order of options has none', () => {
  const keys = new Set([engineKey(FACTS)]);
  for (const name of Object.keys(FACTS) as (keyof EngineFacts)[]) {
    const changed = name === 'options' ? { trt_max_workspace_size: '1' } : `${FACTS[name]}x`;
    keys.add(engineKey({ ...FACTS, [name]: changed }));
  }
  keys.add(engineKey({ ...FACTS, options: { ...FACTS.options, trt_sparsity_enable: '1' } }));
  assert.equal(keys.size, Object.keys(FACTS).length + 2);
  const [a, b] = [
    { x: '1', y: '2' },
    { y: '2', x: '1' },
  ];
  assert.equal(engineKey({ ...FACTS, options: a }), engineKey({ ...FACTS, options: b }));
});

test('an engine that was cut off, changed, renamed or belongs to something else is set aside and built anew', async () => {
  const folder = freshFolder();
  const cache = new EngineCache(folder);
  const provider = new FakeProvider();
  const entry = join(folder, engineKey(FACTS));
  const engine = join(entry, 'graph_sm87.engine');
  const other = { ...FACTS, precision: 'fp32' };
  const damage: [string, () => Promise<unknown>, RegExp][] = [
    ['cut off', () => writeFile(engine, provider.text.slice(0, 100)), /cut off/],
    ['changed', () => writeFile(engine, provider.text.replace('1 kB', '2 kB')), /was changed/],
    ['without its list', () => rm(join(entry, 'entry.json')), /entry\.json is missing/],
    ['with half a list', () => writeFile(join(entry, 'entry.json'), '{"format":"sideglance-eng'), /damaged/],
    ['empty', () => rm(entry, { recursive: true }).then(() => mkdir(entry)), /entry\.json is missing/],
    [
      'of another precision',
      async () => {
        await cache.use(other, provider.create);
        await rm(entry, { recursive: true });
        await rename(join(folder, engineKey(other)), entry);
      },
      /made for something else/,
    ],
  ];
  await cache.use(FACTS, provider.create);
  for (const [what, harm, reason] of damage) {
    await harm();
    const built = provider.built;
    const warnings: string[] = [];
    const { made, buildSeconds } = await cache.use(FACTS, provider.create, {
      onWarning: (text) => warnings.push(text),
    });
    assert.equal(made, provider.text, what);
    assert.ok(buildSeconds !== null && provider.built === built + 1, what);
    assert.match(warnings.join(), reason);
    assert.equal((await cache.use(FACTS, provider.create)).buildSeconds, null, what);
  }
  const asides = (await readdir(folder)).filter((name) => name.endsWith('.set-aside'));
  assert.equal(asides.length, 1);
});

test('an engine that is whole, but that TensorRT does not take, is built anew; any other fault is passed on', async () => {
  const cache = new EngineCache(freshFolder());
  await cache.use(FACTS, new FakeProvider().create);
  const newer = new FakeProvider('motor');
  newer.understands = 'motor';
  const warnings: string[] = [];
  const { made } = await cache.use(FACTS, newer.create, { onWarning: (text) => warnings.push(text) });
  assert.equal(made, 'motor');
  assert.match(warnings.join(), /deserialize/);
  const outOfMemory = async () => Promise.reject(new Error('CUDA failure 2: out of memory'));
  await assert.rejects(cache.use(FACTS, outOfMemory), /out of memory/);
  assert.equal((await cache.use(FACTS, newer.create)).buildSeconds, null);
});

test('an engine whose loading takes as long as a build is told, so that nobody takes the process for dead', async () => {
  const cache = new EngineCache(freshFolder(), { slowLoadMs: 20 });
  const provider = new FakeProvider();
  await cache.use(FACTS, provider.create);
  let told = () => {};
  const isTold = new Promise<void>((done) => {
    told = done;
  });
  const slow = async (folder: string) => {
    await isTold;
    return provider.create(folder);
  };
  assert.equal((await cache.use(FACTS, slow, { onSlowLoad: told })).buildSeconds, null);
});

test('an engine in whose loading the process died again and again is built anew', async () => {
  const folder = freshFolder();
  const cache = new EngineCache(folder);
  const provider = new FakeProvider();
  await cache.use(FACTS, provider.create);
  const marks = join(folder, engineKey(FACTS), 'loading');
  await appendFile(marks, '.'.repeat(MAX_UNFINISHED_LOADS - 1));
  assert.equal((await cache.use(FACTS, provider.create)).buildSeconds, null);
  await appendFile(marks, '.'.repeat(MAX_UNFINISHED_LOADS));
  assert.notEqual((await cache.use(FACTS, provider.create)).buildSeconds, null);
});

test('what a build that was killed left behind is removed, and a build that fails leaves nothing', async () => {
  const folder = freshFolder();
  const cache = new EngineCache(folder);
  await mkdir(join(folder, `${engineKey(FACTS)}.building`), { recursive: true });
  await writeFile(join(folder, `${engineKey(FACTS)}.building`, 'graph_sm87.engine'), 'half an eng');
  const failing = async (staged: string) => {
    assert.deepEqual(await readdir(staged), []);
    await writeFile(join(staged, 'graph_sm87.engine'), 'not quite');
    throw new Error('TensorRT EP failed to create engine from network');
  };
  await assert.rejects(cache.use(FACTS, failing), /failed to create engine/);
  assert.deepEqual(await readdir(folder), ['lock']);
  assert.notEqual((await cache.use(FACTS, new FakeProvider().create)).buildSeconds, null);
});

test('two who need the same engine build it once: the other waits, says so and reads it', async () => {
  const folder = freshFolder();
  const provider = new FakeProvider();
  let open = () => {};
  const gate = new Promise<void>((done) => {
    open = done;
  });
  const slow = async (staged: string) => {
    await gate;
    return provider.create(staged);
  };
  const first = new EngineCache(folder).use(FACTS, slow, { onBuilding: () => begun() });
  let begun = () => {};
  await new Promise<void>((done) => {
    begun = done;
  });
  let waited = false;
  const second = new EngineCache(folder).use(FACTS, provider.create, {
    onWaiting: () => {
      waited = true;
      open();
    },
  });
  const [one, two] = await Promise.all([first, second]);
  assert.deepEqual([provider.built, provider.loaded, waited], [1, 1, true]);
  assert.notEqual(one.buildSeconds, null);
  assert.equal(two.buildSeconds, null);
});

test('measured times of kernels are kept for the next model on this GPU, and given up where they are damaged', async () => {
  const folder = freshFolder();
  const cache = new EngineCache(folder);
  const given: string[][] = [];
  const provider = new FakeProvider();
  const watching = async (staged: string) => {
    given.push(await readdir(staged));
    return provider.create(staged);
  };
  await cache.use(FACTS, watching);
  await cache.use({ ...FACTS, model: 'b' }, watching);
  await cache.use({ ...FACTS, model: 'c', gpu: 'AGX Orin' }, watching);
  assert.deepEqual(given, [[], ['TensorrtExecutionProvider_cache_sm87.timing'], []]);
  const timing = join(folder, 'timings', timingKey(FACTS), 'TensorrtExecutionProvider_cache_sm87.timing');
  await writeFile(timing, 'tim');
  await cache.use({ ...FACTS, model: 'd' }, provider.create);
  assert.equal(await readFile(timing, 'utf8'), 'timings');
});

test('engines that were not used for longest go when there are too many, never the one in use', async () => {
  const folder = freshFolder();
  const cache = new EngineCache(folder, { maxBytes: 6000 });
  const provider = new FakeProvider();
  const facts = ['a', 'b', 'c'].map((model) => ({ ...FACTS, model }));
  for (const [age, each] of facts.entries()) {
    await cache.use(each, provider.create);
    const past = new Date(Date.now() - 100_000 + age * 1000);
    await utimes(join(folder, engineKey(each), 'entry.json'), past, past);
  }
  await cache.use(facts[0]!, provider.create);
  await cache.use({ ...FACTS, model: 'd' }, provider.create);
  const left = async () => (await readdir(folder)).filter((name) => /^[0-9a-f]{64}$/.test(name)).sort();
  assert.deepEqual(await left(), ['a', 'c', 'd'].map((model) => engineKey({ ...FACTS, model })).sort());
  await new EngineCache(folder, { maxBytes: 1 }).use({ ...FACTS, model: 'e' }, provider.create);
  assert.deepEqual(await left(), [engineKey({ ...FACTS, model: 'e' })]);
});

test('files that a build needs lie in its folder, and belong to the engine', async () => {
  const folder = freshFolder();
  await mkdir(folder);
  await writeFile(join(folder, 'my.table'), 'ranges');
  const files = { 'int8.table': join(folder, 'my.table') };
  const provider = new FakeProvider();
  const { folder: entry } = await new EngineCache(folder).use(FACTS, provider.create, { files });
  assert.equal(await readFile(join(entry as string, 'int8.table'), 'utf8'), 'ranges');
});

test('an engine that cannot be kept is used all the same, with a warning', async () => {
  const folder = freshFolder();
  const warnings: string[] = [];
  const provider = new FakeProvider();
  const create = async (staged: string) => {
    const made = await provider.create(staged);
    // Somebody clears the cache in the meantime.
    await rm(staged, { recursive: true });
    return made;
  };
  const used = await new EngineCache(folder).use(FACTS, create, { onWarning: (text) => warnings.push(text) });
  assert.deepEqual([used.made, used.folder], [provider.text, null]);
  assert.match(warnings.join(), /the engine cannot be kept in .*infer\.tensorrt\.cache/);
});

test('a folder that cannot be written is named with what to do', async () => {
  const file = join(root, 'file');
  await writeFile(file, '');
  await assert.rejects(
    new EngineCache(join(file, 'engines')).use(FACTS, new FakeProvider().create),
    fault('SG_STORAGE', /file\/engines: .*infer\.tensorrt\.cache/),
  );
});

test('engines lie where the service or the user has room for such things', () => {
  assert.equal(defaultEngineFolder({ CACHE_DIRECTORY: '/var/cache/sideglance' }), '/var/cache/sideglance/engines');
  assert.equal(defaultEngineFolder({ XDG_CACHE_HOME: '/home/x/.c' }), '/home/x/.c/sideglance/engines');
  assert.match(defaultEngineFolder({}), /\/\.cache\/sideglance\/engines$/);
});

test('a lock is free again when its holder lets go', async () => {
  const path = join(root, 'lock');
  const first = await FileLock.take(path);
  let waited = false;
  const second = FileLock.take(path, () => {
    waited = true;
    first.release();
  });
  (await second).release();
  assert.ok(waited);
});
