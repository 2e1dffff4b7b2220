import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../../../src/publish/outbox/outbox.js';
import { footprint, type Offer, type OutboxSettings } from '../../../src/publish/outbox/types.js';
import { dice, label, PAYLOAD_BYTES, put, takeAll } from './support.js';

const ONE = footprint({ payload: new Uint8Array(PAYLOAD_BYTES), properties: null });
/** As if everything had been made on this connection, unless the test says otherwise. */
const BASIC = { replayPerSecond: null } as const;

/** Room for so many messages of the usual size. */
function room(messages: number, maxAgeMs = 1e9): Partial<OutboxSettings> {
  return { ...BASIC, maxBytes: messages * ONE, maxAgeMs: { verdict: maxAgeMs, map: maxAgeMs, frame: maxAgeMs } };
}

const outboxOf = (settings: Partial<OutboxSettings> = BASIC, clock = () => 0) => new Outbox(settings, [], clock);

test('each stream counts its own seq from 0 within one epoch', () => {
  const outbox = outboxOf();
  const { epoch } = outbox.counters().storage;
  assert.deepEqual(put(outbox, 'verdict'), { epoch, stream: 'top/verdict', seq: 0 });
  assert.equal(put(outbox, 'verdict').seq, 1);
  assert.equal(put(outbox, 'verdict', 'side').seq, 0);
  assert.equal(put(outbox, 'map').seq, 0);
  assert.notEqual(put(outboxOf(), 'verdict').epoch, epoch);
});

test('verdicts are offered before maps before frames, the oldest of all stations first', () => {
  const outbox = outboxOf();
  for (const messageClass of ['frame', 'map', 'verdict'] as const) {
    put(outbox, messageClass, 'top');
    put(outbox, messageClass, 'side');
    put(outbox, messageClass, 'top');
  }
  assert.deepEqual(takeAll(outbox), [
    ...['top/verdict 0', 'side/verdict 0', 'top/verdict 1'],
    ...['top/map 0', 'side/map 0', 'top/map 1'],
    ...['top/frame 0', 'side/frame 0', 'top/frame 1'],
  ]);
  assert.equal(outbox.counters().waitingBytes, 0);
});

test('what comes on a connection goes ahead of what waited for it, class by class', () => {
  const outbox = outboxOf();
  for (const messageClass of ['map', 'verdict', 'verdict'] as const) put(outbox, messageClass);
  outbox.turnLate();
  for (const messageClass of ['map', 'verdict'] as const) put(outbox, messageClass);
  assert.deepEqual(takeAll(outbox), ['top/verdict 2', 'top/verdict 0', 'top/verdict 1', 'top/map 1', 'top/map 0']);
});

test('the age of what waits longest is told by class, also of what waited for the connection; 0 where nothing waits', () => {
  let clock = 0;
  const outbox = outboxOf(BASIC, () => clock);
  assert.deepEqual(outbox.oldestAgeMs(), { verdict: 0, map: 0, frame: 0 });
  put(outbox, 'verdict');
  clock = 300;
  outbox.turnLate();
  put(outbox, 'verdict');
  put(outbox, 'map', 'side');
  clock = 1_000;
  assert.deepEqual(outbox.oldestAgeMs(), { verdict: 1_000, map: 700, frame: 0 });
  takeAll(outbox);
  assert.deepEqual(outbox.oldestAgeMs(), { verdict: 0, map: 0, frame: 0 });
});

test('order: strict keeps each stream in its order', () => {
  const outbox = outboxOf({ ...BASIC, order: 'strict' });
  for (const messageClass of ['map', 'verdict', 'verdict'] as const) put(outbox, messageClass);
  outbox.turnLate();
  for (const messageClass of ['map', 'verdict'] as const) put(outbox, messageClass);
  assert.deepEqual(takeAll(outbox), ['top/verdict 0', 'top/verdict 1', 'top/verdict 2', 'top/map 0', 'top/map 1']);
});

for (const order of ['liveFirst', 'strict'] as const) {
  test(`what waited is sent at the rate that is allowed, and says when it goes on (order: ${order})`, async () => {
    let clock = 0;
    const outbox = outboxOf({ order, replayPerSecond: 50 }, () => clock);
    for (let at = 0; at < 3; at++) put(outbox, 'verdict');
    outbox.turnLate();
    const goesOn = new Promise<void>((done) => outbox.onOfferable(done));
    assert.deepEqual(takeAll(outbox), ['top/verdict 0']);
    await goesOn;
    put(outbox, 'verdict');
    put(outbox, 'map');
    // Nobody has to wait for what is throttled, but those that must not pass it.
    const live = order === 'strict' ? ['top/map 0'] : ['top/verdict 3', 'top/map 0'];
    assert.deepEqual(takeAll(outbox), live);
    clock = 25;
    assert.deepEqual(takeAll(outbox), ['top/verdict 1']);
    clock = 50;
    assert.deepEqual(takeAll(outbox), order === 'strict' ? ['top/verdict 2', 'top/verdict 3'] : ['top/verdict 2']);
    await outbox.close();
  });
}

test('a connection that goes makes late what was live, and late comes in its order', () => {
  const outbox = outboxOf();
  put(outbox, 'verdict');
  outbox.turnLate();
  put(outbox, 'verdict');
  assert.equal(label(outbox.next()), 'top/verdict 1');
  outbox.rewind();
  assert.equal(label(outbox.next()), 'top/verdict 1');
  outbox.rewind();
  outbox.turnLate();
  put(outbox, 'verdict');
  assert.deepEqual(takeAll(outbox), ['top/verdict 2', 'top/verdict 0', 'top/verdict 1']);
});

test('over the bound the oldest go, and one gap record stands in their place', () => {
  const outbox = outboxOf(room(3));
  for (let at = 0; at < 10; at++) put(outbox, 'verdict');
  assert.deepEqual(takeAll(outbox), ['top/verdict gap 0-6', 'top/verdict 7', 'top/verdict 8', 'top/verdict 9']);
  const counters = outbox.counters();
  assert.equal(counters.dropped.bytes.verdict, 7);
  assert.equal(counters.delivered.verdict, 3);
  assert.equal(counters.gapsAnnounced, 1);
});

test('gap records of two stations that were dropped in turn are merged per stream', () => {
  const outbox = outboxOf(room(4));
  for (let at = 0; at < 5; at++) {
    put(outbox, 'map', 'top');
    put(outbox, 'map', 'side');
  }
  assert.deepEqual(takeAll(outbox), [
    ...['top/map gap 0-2', 'side/map gap 0-2'],
    ...['top/map 3', 'side/map 3', 'top/map 4', 'side/map 4'],
  ]);
});

test('over the common bound frames go first, then maps, verdicts last', () => {
  const outbox = outboxOf(room(6));
  for (const messageClass of ['verdict', 'map', 'frame'] as const) {
    put(outbox, messageClass);
    put(outbox, messageClass);
  }
  const waiting = () => Object.values(outbox.counters().waiting).join(' ');
  assert.equal(waiting(), '2 2 2');
  const steps = Array.from({ length: 5 }, () => {
    put(outbox, 'verdict');
    return waiting();
  });
  assert.deepEqual(steps, ['3 2 1', '4 2 0', '5 1 0', '6 0 0', '6 0 0']);
  assert.equal(outbox.counters().dropped.bytes.verdict, 1);
});

test('what is too old is dropped by age of its class, and counted as such', () => {
  let clock = 0;
  const outbox = outboxOf(room(1e6, 1000), () => clock);
  put(outbox, 'frame');
  clock = 600;
  put(outbox, 'frame');
  clock = 1200;
  assert.deepEqual(takeAll(outbox), ['top/frame gap 0-0', 'top/frame 1']);
  assert.equal(outbox.counters().dropped.age.frame, 1);
});

test('a message larger than the bound is dropped alone, not everything before it', () => {
  const outbox = outboxOf(room(3));
  put(outbox, 'map');
  put(outbox, 'map', 'top', 4 * ONE);
  put(outbox, 'map', 'top', 4 * ONE);
  put(outbox, 'map');
  assert.deepEqual(takeAll(outbox), ['top/map 0', 'top/map gap 1-2', 'top/map 3']);
});

test('what is in flight is never dropped, and comes back in its old order when the connection goes', () => {
  const outbox = outboxOf(room(4));
  for (let at = 0; at < 4; at++) put(outbox, 'verdict');
  const [first, second] = [outbox.next(), outbox.next()];
  for (let at = 0; at < 5; at++) put(outbox, 'verdict');
  assert.deepEqual([label(first), label(second)], ['top/verdict 0', 'top/verdict 1']);
  assert.equal(outbox.counters().inFlight, 2);
  outbox.rewind();
  assert.deepEqual(takeAll(outbox), [
    'top/verdict 0',
    'top/verdict 1',
    'top/verdict gap 2-6',
    'top/verdict 7',
    'top/verdict 8',
  ]);
});

test('what is rejected in flight leaves a gap record in its place, also after a rewind', () => {
  const outbox = outboxOf();
  for (let at = 0; at < 6; at++) put(outbox, 'map');
  const taken = Array.from({ length: 5 }, () => outbox.next() as Offer);
  outbox.acknowledge((taken[0] as Offer).id);
  outbox.reject((taken[2] as Offer).id, 'tooLarge');
  outbox.reject((taken[3] as Offer).id, 'tooLarge');
  outbox.rewind();
  assert.deepEqual(takeAll(outbox), ['top/map 1', 'top/map gap 2-3', 'top/map 4', 'top/map 5']);
});

test('a draft that throws leaves no hole in its stream', () => {
  const outbox = outboxOf();
  put(outbox, 'verdict');
  const draft = { station: 'top', messageClass: 'verdict', topic: 't', contentType: 'c' } as const;
  const write = () => {
    throw new Error('cannot be written');
  };
  assert.throws(() => outbox.store({ ...draft, at: { utc: '', monotonicMs: 0 }, write }), /cannot be written/);
  put(outbox, 'verdict');
  assert.deepEqual(takeAll(outbox), ['top/verdict 0', 'top/verdict 1']);
});

for (let seed = 1; seed <= 40; seed++) {
  test(`whatever happens, every seq is delivered or announced, never both (seed ${seed})`, () => {
    const roll = dice(seed);
    let clock = 0;
    const outbox = outboxOf(room(12, 300), () => clock);
    const classes = ['verdict', 'map', 'frame'] as const;
    const stations = ['top', 'side'] as const;
    const made = new Map<string, number>();
    const settled = new Map<string, Map<number, 'delivered' | 'announced'>>();
    const inFlight: Offer[] = [];
    const settle = (offer: Offer) => {
      const stream = offer.kind === 'gap' ? offer.stream : offer.delivery.stream;
      const seen = settled.get(stream) ?? new Map();
      settled.set(stream, seen);
      const [from, to] =
        offer.kind === 'gap' ? [offer.firstSeq, offer.lastSeq] : [offer.delivery.seq, offer.delivery.seq];
      for (let seq = from; seq <= to; seq++) {
        assert.equal(seen.get(seq), undefined, `${stream} ${seq} settled twice`);
        seen.set(seq, offer.kind === 'gap' ? 'announced' : 'delivered');
      }
      outbox.acknowledge(offer.id);
    };
    const lastOffered = new Map<string, number>();
    const step = (action: number) => {
      clock += roll(20);
      if (action < 5) {
        const { stream } = put(outbox, classes[roll(3)] ?? 'map', stations[roll(2)], roll(3 * PAYLOAD_BYTES));
        made.set(stream, (made.get(stream) ?? 0) + 1);
      } else if (action < 8 && inFlight.length < 5) {
        const offer = outbox.next();
        if (!offer) return;
        const stream = offer.kind === 'gap' ? offer.stream : offer.delivery.stream;
        if (offer.kind === 'message') {
          assert.ok(offer.id > (lastOffered.get(stream) ?? -1), `${stream} is offered out of order`);
          lastOffered.set(stream, offer.id);
        }
        inFlight.push(offer);
      } else if (action < 10 && inFlight.length > 0) {
        const [offer] = inFlight.splice(roll(inFlight.length), 1);
        if (!offer) return;
        if (offer.kind === 'message' && roll(6) === 0) outbox.reject(offer.id, 'refused');
        else settle(offer);
      } else if (action === 10) {
        inFlight.length = 0;
        lastOffered.clear();
        outbox.rewind();
      }
      const { waitingBytes, inFlight: flying } = outbox.counters();
      assert.ok(waitingBytes <= (12 + 3 * flying) * ONE, 'the bound on bytes does not hold');
    };
    for (let at = 0; at < 2000; at++) step(roll(11));
    outbox.rewind();
    for (let offer = outbox.next(); offer; offer = outbox.next()) settle(offer);
    for (const [stream, total] of made) {
      const seqs = [...(settled.get(stream)?.keys() ?? [])].sort((a, b) => a - b);
      assert.deepEqual(
        seqs,
        Array.from({ length: total }, (_, seq) => seq),
        stream,
      );
    }
    const counters = outbox.counters();
    assert.equal(counters.waitingBytes, 0);
    assert.equal(counters.inFlight, 0);
  });
}
