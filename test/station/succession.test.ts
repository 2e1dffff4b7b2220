import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { Succession } from '../../src/station/succession.js';
import type { FailedBundle } from '../../src/types.js';

/** Models whose loading a test ends when it likes. */
function scripted() {
  const closed: string[] = [];
  const loading = new Map<string, { done(): void; fail(thrown: Error): void }>();
  const refused: FailedBundle[] = [];
  const modelOf = (name: string) => ({ name, close: async () => void closed.push(name) });
  const succession = new Succession({
    folder: 'a',
    model: modelOf('a'),
    load: (folder) =>
      new Promise<ReturnType<typeof modelOf>>((done, fail) => {
        loading.set(folder, { done: () => done(modelOf(folder)), fail });
      }),
    onRefused: (failed) => refused.push(failed),
  });
  return { succession, closed, loading, refused };
}

const turn = () => new Promise((done) => setImmediate(done));

test('the next model takes over at a border only, once it is loaded, and the one before is let go', async () => {
  const { succession, closed, loading } = scripted();
  const wanted = succession.want('b');
  assert.equal(succession.atBorder(), null, 'it is not loaded yet');
  loading.get('b')?.done();
  await wanted;
  assert.equal(succession.current.name, 'a', 'a part may be under way');
  assert.deepEqual(closed, []);
  assert.equal(succession.atBorder()?.folder, 'b');
  assert.equal(succession.current.name, 'b');
  assert.equal(succession.atBorder(), null, 'it takes over once');
  await succession.close();
  assert.deepEqual(closed, ['a', 'b']);
});

test('a model that does not load is refused with its reason; the one in use goes on, and the next wish counts', async () => {
  const { succession, closed, loading, refused } = scripted();
  const wanted = succession.want('b');
  loading.get('b')?.fail(new SideglanceError('SG_MODEL_GOLDEN_MISMATCH', 'something else'));
  await wanted;
  assert.deepEqual(refused, [{ folder: 'b', code: 'SG_MODEL_GOLDEN_MISMATCH', reason: 'something else' }]);
  assert.equal(succession.atBorder(), null);
  const again = succession.want('c');
  loading.get('c')?.done();
  await again;
  assert.equal(succession.atBorder()?.folder, 'c');
  assert.equal(succession.current.name, 'c');
  await turn();
  assert.deepEqual(closed, ['a']);
});

test('the newest wish counts: what was loaded for an older one never judges a part', async () => {
  const { succession, closed, loading } = scripted();
  const wanted = succession.want('b');
  await succession.want('c');
  loading.get('b')?.done();
  await turn();
  assert.equal(succession.atBorder(), null, 'b is no longer wanted');
  loading.get('c')?.done();
  await wanted;
  assert.deepEqual(closed, ['b']);
  await succession.want('a');
  assert.equal(succession.atBorder(), null, 'the one in use is wanted again');
  assert.equal(succession.current.name, 'a');
  await turn();
  assert.deepEqual(closed, ['b', 'c']);
});
