import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { describe, it } from 'node:test';
import koffi from 'koffi';
import { sha256 } from '../../src/digest.js';
import { inBackground, inForeground, spareMoment } from '../../src/native/background.js';
import { functionAt } from '../../src/native/library.js';
import { asPointer, outPointer, type Pointer } from '../../src/native/pointer.js';

const PRIO_PROCESS = 0;
const libc = koffi.load('libc.so.6');
const at = <Args extends unknown[], Result>(name: string, result: string, args: string[]) =>
  functionAt<Args, Result>(asPointer(koffi.address(libc.symbol(name))), result, args);
const getpriority = at<[which: number, who: number], number>('getpriority', 'int', ['int', 'int']);
const gettid = at<[], number>('gettid', 'int', []);
/** Of the thread that the call runs on. */
const priority = () => getpriority.offThread(PRIO_PROCESS, 0);

describe('calls in the background', () => {
  it('run on one thread of a low priority; others, and those after it, as ever', async () => {
    const before = await priority();
    const [inside, threads, outside] = await inBackground(async () => {
      const within = await priority();
      const seen = [await gettid.offThread(), await gettid.offThread()];
      return [within, seen, await inForeground(priority)] as const;
    });
    assert.equal(inside, 10);
    assert.equal(threads[0], threads[1]);
    assert.notEqual(threads[0], process.pid);
    assert.deepEqual([outside, await priority()], [before, before]);
  });

  it('work in the memory of the caller, and fill in what comes out', async () => {
    const memcpy = at<[to: Uint8Array, from: Uint8Array, bytes: number], unknown>('memcpy', 'void *', [
      'void *',
      'void *',
      'size_t',
    ]);
    const duplicate = at<[to: [Pointer<'text'> | null], from: BigUint64Array, bytes: number], unknown>(
      'memcpy',
      'void *',
      ['_Out_ void **', 'void *', 'size_t'],
    );
    const to = new Uint8Array(3);
    const whole = Uint8Array.of(9, 1, 2, 3);
    const out = outPointer<'text'>();
    await inBackground(async () => {
      await memcpy.offThread(to, whole.subarray(1), 3);
      await duplicate.offThread(out, BigUint64Array.of(77n), 8);
    });
    assert.deepEqual([...to], [1, 2, 3]);
    assert.equal(out[0], 77n);
  });

  it('that cannot be made are rejected, and the next one is made', async () => {
    await inBackground(async () => {
      await assert.rejects(
        getpriority.offThread('nothing' as unknown as number, 0),
        /Unexpected String value, expected number/,
      );
      assert.equal(await priority(), 10);
    });
  });

  it('take digests of what lies in several places, of parts of it, and of nothing', async () => {
    const whole = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 31);
    for (const parts of [
      [whole],
      ['head\0', whole.subarray(5, 2_000_005), 'ä', new Uint8Array()],
      [whole.subarray(3, 3)],
      [],
    ]) {
      const wanted = createHash('sha256');
      for (const part of parts) wanted.update(part);
      assert.deepEqual(await inBackground(() => sha256(...parts)), wanted.digest());
    }
  });

  it('begin when they may, and so does what says that it holds up the event loop', async () => {
    const order: string[] = [];
    const before = () => new Promise<void>((done) => setImmediate(() => done(void order.push('border'))));
    await inBackground(async () => {
      await spareMoment();
      order.push('work');
      await priority();
      order.push('call');
    }, before);
    await spareMoment();
    assert.deepEqual(order, ['border', 'work', 'border', 'call']);
  });

  it('come and go with their threads', async () => {
    for (let i = 0; i < 2 * availableParallelism(); i++) assert.equal(await inBackground(priority), 10);
    assert.equal(await inBackground(async () => 'no call at all'), 'no call at all');
    await assert.rejects(
      inBackground(async () => {
        throw new Error('work failed');
      }),
      /work failed/,
    );
  });
});
