import assert from 'node:assert/strict';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { ROOT } from '../publish/support/inspections.js';
import { commandsConfig, EVERYTHING, incoming, testDesk } from './support.js';

const code = (answers: readonly { code: string | null }[]) => answers.map((answer) => answer.code);

test('a command is carried out once, answered with its result, and written down before and after', async () => {
  const it = testDesk();
  const [answer] = await it.send('top/command/threshold', { id: '1', score: 4.5 });
  assert.deepEqual(it.done, [{ name: 'threshold', station: 'top', id: '1', wanted: { id: '1', score: 4.5 } }]);
  assert.deepEqual(
    [answer?.outcome, answer?.command, answer?.station, answer?.id, answer?.code, answer?.result],
    ['done', 'threshold', 'top', '1', null, { wanted: { id: '1', score: 4.5 } }],
  );
  assert.deepEqual(it.audit(), ['begun', 'done']);
  const lines = readFileSync(join(it.config.folder, 'audit.jsonl'), 'utf8').trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).event),
    ['begun', 'done'],
  );
  assert.deepEqual(JSON.parse(lines[0] ?? '').request, { id: '1', score: 4.5 });
});

test('the station is the one of the topic, or of the payload, or the only one there is', async () => {
  const it = testDesk();
  await it.send('pause', { id: '1', station: 'side' });
  assert.deepEqual(
    it.done.map(({ station }) => station),
    ['side'],
  );
  assert.deepEqual(code(await it.send('pause', { id: '2' })), ['SG_COMMAND_MALFORMED']);
  assert.deepEqual(code(await it.send('top/command/pause', { id: '3', station: 'side' })), ['SG_COMMAND_MALFORMED']);
  assert.deepEqual(code(await it.send('bottom/command/pause', { id: '4' })), ['SG_COMMAND_UNKNOWN']);
  assert.deepEqual(code(await it.send('top/command/report', { id: '5' })), ['SG_COMMAND_MALFORMED']);
  assert.equal(it.done.length, 1);
  const only = testDesk(commandsConfig(), { stations: ['top'] });
  await only.send('pause', { id: '1' });
  assert.deepEqual(
    only.done.map(({ station }) => station),
    ['top'],
  );
});

test('what is no command, or not a whole one, is answered with its code, and nothing is done', async () => {
  const it = testDesk();
  const wrong: [string, unknown, string][] = [
    ['explode', { id: '1' }, 'SG_COMMAND_UNKNOWN'],
    ['__proto__', { id: '1' }, 'SG_COMMAND_UNKNOWN'],
    ['constructor', { id: '1' }, 'SG_COMMAND_UNKNOWN'],
    ['report', 'not json', 'SG_COMMAND_MALFORMED'],
    ['report', [], 'SG_COMMAND_MALFORMED'],
    ['report', null, 'SG_COMMAND_MALFORMED'],
    ['report', Uint8Array.of(0xff, 0xfe), 'SG_COMMAND_MALFORMED'],
    ['report', {}, 'SG_COMMAND_MALFORMED'],
    ['report', '', 'SG_COMMAND_MALFORMED'],
    ['report', { id: 'a b' }, 'SG_COMMAND_MALFORMED'],
    ['report', { id: 7 }, 'SG_COMMAND_MALFORMED'],
    ['report', { id: '1', extra: true }, 'SG_COMMAND_MALFORMED'],
    ['report', '{"id":"1","__proto__":{"extra":true}}', 'SG_COMMAND_MALFORMED'],
    ['top/command/threshold', { id: '1' }, 'SG_COMMAND_MALFORMED'],
    ['top/command/threshold', { id: '1', score: 1, factor: 2 }, 'SG_COMMAND_MALFORMED'],
    ['top/command/threshold', { id: '1', score: '1' }, 'SG_COMMAND_MALFORMED'],
    ['top/command/threshold', '{"id":"1","score":1e999}', 'SG_COMMAND_MALFORMED'],
    ['top/command/threshold', { id: '1', reset: false }, 'SG_COMMAND_MALFORMED'],
    ['top/command/camera', { id: '1', reset: true, gainDb: 1 }, 'SG_COMMAND_MALFORMED'],
    ['top/command/calibrate', { id: '1', parts: 1 }, 'SG_COMMAND_MALFORMED'],
    ['report', { id: '1', expires: 'soon' }, 'SG_COMMAND_MALFORMED'],
    ['report', `{"id":"1","x":"${'x'.repeat(20_000)}"}`, 'SG_COMMAND_TOO_LARGE'],
    ['report', '['.repeat(16_000), 'SG_COMMAND_MALFORMED'],
  ];
  for (const [command, payload, expected] of wrong) {
    it.clockMs += 10_000;
    const answers = await it.send(command, payload);
    assert.deepEqual(code(answers), [expected], `${command} ${JSON.stringify(payload)?.slice(0, 60)}`);
    assert.equal(answers[0]?.outcome, 'refused');
    assert.ok((answers[0]?.message ?? '').length < 500);
  }
  assert.deepEqual(it.done, []);
  assert.deepEqual(new Set(it.audit()), new Set(['refused']));
  assert.deepEqual(it.faults, []);
});

test('only what the configuration allows, and for the stations for which it does', async () => {
  const it = testDesk(commandsConfig({ allow: { ...EVERYTHING, pause: ['top'], report: 'never' } }));
  assert.deepEqual(code(await it.send('report', { id: '1' })), ['SG_COMMAND_FORBIDDEN']);
  assert.deepEqual(code(await it.send('side/command/pause', { id: '2' })), ['SG_COMMAND_FORBIDDEN']);
  assert.deepEqual(code(await it.send('top/command/pause', { id: '3' })), [null]);
  assert.deepEqual(
    it.done.map(({ name, station }) => `${name} ${station}`),
    ['pause top'],
  );
});

test('answers go where the sender says, below the topics that are allowed only, with its correlation data', async () => {
  const it = testDesk(commandsConfig({ respondTo: ['plant/answers'] }));
  const where = async (more: object, payload: object = {}) => {
    it.clockMs += 10_000;
    await it.send('report', { id: `${it.clockMs}`, ...payload }, more);
    return it.packets.filter(({ topic }) => !topic.endsWith('/audit')).at(-1);
  };
  const correlation = Uint8Array.of(1, 2, 0xff);
  const own = await where({ responseTopic: `${ROOT}/answer/hmi-7`, correlation });
  assert.deepEqual([own?.topic, own?.correlation], [`${ROOT}/answer/hmi-7`, correlation]);
  assert.equal((await where({}, { respondTo: 'plant/answers/hmi-7' }))?.topic, 'plant/answers/hmi-7');
  assert.equal((await where({}))?.topic, `${ROOT}/answer`);
  const done = it.done.length;
  for (const topic of [
    `${ROOT}/status`,
    `${ROOT}/top/inspection`,
    `${ROOT}/answers`,
    `${ROOT}/answer/+`,
    `${ROOT}/answer/#`,
    `${ROOT}/command/report`,
    'plant/answers-of-another',
    '$SYS/x',
    `${ROOT}/answer/\0`,
    `${ROOT}/answer/${'x'.repeat(300)}`,
    '',
  ]) {
    const packet = await where({ responseTopic: topic });
    assert.equal(packet?.topic, `${ROOT}/answer`, topic);
    assert.equal(JSON.parse(Buffer.from(packet?.payload ?? []).toString()).code, 'SG_COMMAND_FORBIDDEN', topic);
  }
  assert.equal(it.done.length, done);
});

test('MQTT 5 correlation data is an id, too; data that is too long is refused and not given back', async () => {
  const it = testDesk();
  const [text] = await it.send('report', {}, { correlation: Buffer.from('job-1') });
  const [bytes] = await it.send('report', {}, { correlation: Uint8Array.of(0, 255) });
  assert.deepEqual([text?.id, bytes?.id], ['job-1', '00ff']);
  // The same characters in the payload are another id.
  await it.send('report', { id: 'job-1' });
  assert.equal(it.done.length, 3);
  const answers = await it.send('report', { id: '1' }, { correlation: new Uint8Array(200) });
  assert.deepEqual(code(answers), ['SG_COMMAND_MALFORMED']);
  assert.equal(it.packets.findLast(({ topic }) => topic.endsWith('/answer'))?.correlation, null);
});

test('a command that comes again gets the same answer and is not carried out again; another one under its id is refused', async () => {
  const it = testDesk();
  const [first] = await it.send('top/command/threshold', { id: '1', factor: 1.1 });
  it.clockMs += 60_000;
  const [second] = await it.send('top/command/threshold', { id: '1', factor: 1.1, sent: '2025-03-01T06:00:00Z' });
  assert.deepEqual(second, first);
  assert.deepEqual(code(await it.send('top/command/threshold', { id: '1', factor: 1.2 })), ['SG_COMMAND_REUSED']);
  assert.deepEqual(code(await it.send('side/command/threshold', { id: '1', factor: 1.1 })), ['SG_COMMAND_REUSED']);
  // Somebody else, who is answered elsewhere, has ids of their own.
  const other = { responseTopic: `${ROOT}/answer/other` };
  assert.deepEqual(code(await it.send('top/command/threshold', { id: '1', factor: 1.2 }, other)), [null]);
  assert.equal(it.done.length, 2);
  assert.deepEqual(it.audit(), ['begun', 'done', 'repeated', 'refused', 'refused', 'begun', 'done']);
});

test('a command that comes again while it is under way is answered once, and others of its group wait', async () => {
  const it = testDesk();
  let finish: (result: object) => void = () => {};
  it.act = () => new Promise((done) => (finish = done));
  const first = it.send('top/command/calibrate', { id: '1' });
  while (it.done.length < 1) await new Promise((done) => setImmediate(done));
  const endFirst = finish;
  await it.desk.handle(incoming('top/command/calibrate', { id: '1' }));
  assert.deepEqual(code(await it.send('top/command/threshold', { id: '2', score: 1 })), ['SG_COMMAND_BUSY']);
  const pause = it.send('top/command/pause', { id: '3' });
  while (it.done.length < 2) await new Promise((done) => setImmediate(done));
  finish({});
  await pause;
  assert.deepEqual(
    it.done.map(({ name }) => name),
    ['calibrate', 'pause'],
  );
  endFirst({});
  assert.deepEqual(code(await first).at(-1), null);
  assert.equal(it.answers().filter(({ id }) => id === '1').length, 1);
  // The refused one was not begun: the same id may come again.
  it.act = async () => ({});
  assert.deepEqual(code(await it.send('top/command/threshold', { id: '2', score: 1 })), [null]);
});

test('over a restart: the same answer again; what was begun and not answered is not begun again', async () => {
  const config = commandsConfig();
  const first = testDesk(config);
  const [answer] = await first.send('top/command/threshold', { id: '1', factor: 1.1 });
  first.act = () => new Promise(() => {});
  void first.send('top/command/restart', { id: '2' });
  while (first.done.length < 2) await new Promise((done) => setImmediate(done));

  const second = testDesk(config);
  assert.deepEqual(await second.send('top/command/threshold', { id: '1', factor: 1.1 }), [answer]);
  const [interrupted] = await second.send('top/command/restart', { id: '2' });
  assert.deepEqual([interrupted?.outcome, interrupted?.code], ['failed', 'SG_COMMAND_INTERRUPTED']);
  assert.deepEqual(second.done, []);
  assert.deepEqual(code(await second.send('top/command/restart', { id: '3' })), [null]);
});

test('a failure is an answer with its code; what is thrown by accident has one, too', async () => {
  const it = testDesk();
  it.act = async () => {
    throw new SideglanceError('SG_STATION_LOST', 'the station is restarting');
  };
  const [lost] = await it.send('top/command/snapshot', { id: '1' });
  assert.deepEqual(
    [lost?.outcome, lost?.code, lost?.message],
    ['failed', 'SG_STATION_LOST', 'the station is restarting'],
  );
  it.act = () => {
    throw new TypeError('x is not a function');
  };
  assert.deepEqual(code(await it.send('top/command/pause', { id: '2' })), ['SG_COMMAND_FAILED']);
  assert.deepEqual(it.audit(), ['failed', 'begun', 'failed']);
});

test('late, retained, and at a time that nobody knows: refused', async () => {
  const it = testDesk();
  const at = (seconds: number) => new Date(Date.parse('2025-03-01T06:15:00Z') + seconds * 1000).toISOString();
  assert.deepEqual(code(await it.send('report', { id: '1', expires: at(-1) })), ['SG_COMMAND_LATE']);
  assert.deepEqual(code(await it.send('report', { id: '2', sent: at(-61) })), ['SG_COMMAND_LATE']);
  assert.deepEqual(code(await it.send('report', { id: '3', sent: at(-59), expires: at(1) })), [null]);
  assert.deepEqual(code(await it.send('report', { id: '4', expires: '2025-03-01T07:15:01+01:00' })), [null]);
  assert.deepEqual(code(await it.send('top/command/pause', { id: '5' }, { retain: true })), ['SG_COMMAND_RETAINED']);
  it.clockMs += 60_000;
  assert.deepEqual(code(await it.send('explode', { id: '6' }, { retain: true })), ['SG_COMMAND_UNKNOWN']);
  const bundle = { url: 'https://models.example/a.tar', sha256: '0'.repeat(64) };
  assert.deepEqual(code(await it.send('model.install', { id: '7', ...bundle }, { retain: true })), [null]);
  it.clockSynced = false;
  const [unknown] = await it.send('report', { id: '8', expires: at(600) });
  assert.deepEqual(unknown?.code, 'SG_COMMAND_LATE');
  assert.match(unknown?.message ?? '', /the clock of the device is not set/);
  assert.deepEqual(code(await it.send('report', { id: '9' })), [null]);
});

test('where the broker keeps the session, a command has to say until when it holds', async () => {
  const it = testDesk(commandsConfig({ mustExpire: true }));
  assert.deepEqual(code(await it.send('report', { id: '1' })), ['SG_COMMAND_LATE']);
  assert.deepEqual(code(await it.send('report', { id: '2' }, { hasExpiry: true })), [null]);
  assert.deepEqual(code(await it.send('report', { id: '3', sent: '2025-03-01T06:15:00Z' })), [null]);
});

test('a flood of one command is refused once, then not looked at, and does not stand in the way of another', async () => {
  const it = testDesk();
  for (let i = 0; i < 1000; i++) await it.send('top/command/threshold', { id: `${i}`, score: 1 });
  // 60 a minute: 10 at once.
  assert.equal(it.done.length, 10);
  assert.equal(it.answers().filter((answer) => answer.code === 'SG_COMMAND_RATE').length, 1);
  assert.equal(it.answers().length, 11);
  assert.deepEqual(code(await it.send('top/command/pause', { id: 'p' })), [null]);
  for (let i = 0; i < 1000; i++) await it.send(`unknown-${i}`, { id: '1' });
  assert.equal(it.answers().length, 12 + 11);
  it.clockMs += 1000;
  assert.deepEqual(code(await it.send('top/command/threshold', { id: 'later', score: 1 })), [null]);
  const ignored = it.packets.flatMap(({ payload }) => {
    const message = JSON.parse(Buffer.from(payload).toString());
    return message.event === 'ignored' ? [[message.command, message.commands]] : [];
  });
  assert.deepEqual(ignored, [['threshold', 989]]);
  assert.equal(it.desk.counters.ignored, 989 + 989);
});

test('without a place for the audit nothing is changed, and triggers and reports are still carried out', async () => {
  const config = commandsConfig();
  rmSync(config.folder, { recursive: true });
  writeFileSync(config.folder, 'not a folder');
  const it = testDesk(config);
  const [refused] = await it.send('top/command/threshold', { id: '1', score: 1 });
  assert.deepEqual([refused?.outcome, refused?.code], ['refused', 'SG_STORAGE']);
  assert.deepEqual(code(await it.send('top/command/trigger', { id: '2' })), [null]);
  assert.deepEqual(
    it.done.map(({ name }) => name),
    ['trigger'],
  );
  assert.ok(it.faults.every((fault) => fault.code === 'SG_STORAGE'));
  // It comes back: the same command may be sent again.
  rmSync(config.folder);
  assert.deepEqual(code(await it.send('top/command/threshold', { id: '1', score: 1 })), [null]);
});

test('a damaged audit log costs what it remembers, nothing else', async () => {
  const config = commandsConfig();
  const first = testDesk(config);
  await first.send('top/command/pause', { id: '1' });
  const file = join(config.folder, 'audit.jsonl');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, `\0\0garbage\n{"key":1}\n[]\n${text}{"event":"begun","key":"x","dig`);
  chmodSync(file, 0o600);
  const second = testDesk(config);
  await second.send('top/command/pause', { id: '1' });
  assert.deepEqual(second.done, []);
  await second.send('top/command/pause', { id: '2' });
  const last = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-3);
  assert.deepEqual(
    last.map((line) => JSON.parse(line).event),
    ['repeated', 'begun', 'done'],
  );
});
