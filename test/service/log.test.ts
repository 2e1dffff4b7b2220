import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOG_MODULES, LogSchema } from '../../src/config/service.js';
import { EVENTS, type EventName, moduleOf } from '../../src/service/events.js';
import { EventLog } from '../../src/service/log.js';
import { Redaction } from '../../src/service/redaction.js';
import { REPEAT_LIMITS } from '../../src/service/repeats.js';

function open(config: object = {}, interactive = false): { log: EventLog; texts: string[]; names: () => unknown[] } {
  const texts: string[] = [];
  const output = { write: (text: string) => void texts.push(text) };
  const log = new EventLog({
    config: LogSchema.parse(config),
    output,
    redaction: new Redaction(['sesame']),
    interactive,
  });
  return { log, texts, names: () => texts.map((text) => JSON.parse(text).event) };
}

test('an event is one line, with level, time, name and fields; secrets are hidden', () => {
  const { log, texts } = open();
  log.event('warn', 'station.stderr', { station: 'top', line: 'two\nlines with sesame', password: 'x' });
  log.close();
  assert.equal(texts.length, 1);
  assert.match(texts[0] ?? '', /^\{.*\}\n$/);
  const { time, ...line } = JSON.parse(texts[0] ?? '');
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.deepEqual(line, {
    level: 'warn',
    event: 'station.stderr',
    station: 'top',
    line: 'two\nlines with …',
    password: '…',
  });
});

test('a module may have a level of its own, above or below the others; it can be changed while it runs', () => {
  const { log, names } = open({ level: 'warn', modules: { part: 'debug', broker: 'error' } });
  log.event('debug', 'part.answered');
  log.event('info', 'station.ready');
  log.event('warn', 'broker.state');
  log.event('error', 'broker.refused');
  assert.deepEqual(names(), ['part.answered', 'broker.refused']);
  log.setLevels(LogSchema.parse({ level: 'info' }));
  log.event('debug', 'part.answered');
  log.event('info', 'station.ready');
  log.close();
  assert.deepEqual(names().slice(2), ['log.levels', 'station.ready']);
});

test('beside the lines on a terminal only warnings are logged, unless the configuration asks for more', () => {
  for (const [config, names] of [
    [{}, ['camera.state']],
    [{ level: 'debug' }, ['station.ready', 'camera.state']],
    [{ modules: { station: 'info' } }, ['station.ready', 'camera.state']],
  ] as const) {
    const opened = open(config, true);
    opened.log.event('info', 'station.ready');
    opened.log.event('warn', 'camera.state');
    opened.log.close();
    assert.deepEqual(opened.names(), names);
  }
});

test('what repeats is left out and counted, by event, station and code; debug is not', () => {
  const { log, texts } = open({ level: 'debug' });
  const most = REPEAT_LIMITS.mostInWindow;
  for (let i = 0; i < most + 5; i++) {
    log.event('warn', 'station.fault', { station: 'top', code: 'SG_RUNTIME', sequence: i });
    log.event('debug', 'part.answered', { station: 'top', sequence: i });
  }
  log.event('warn', 'station.fault', { station: 'top', code: 'SG_NO_PART' });
  log.event('warn', 'station.fault', { station: 'side', code: 'SG_RUNTIME' });
  log.close();
  const lines = texts.map((text) => JSON.parse(text));
  assert.equal(lines.filter(({ event }) => event === 'part.answered').length, most + 5);
  assert.equal(lines.filter(({ event }) => event === 'station.fault').length, most + 2);
  const { time, ...repeated } = lines.at(-1);
  assert.deepEqual(repeated, {
    level: 'warn',
    event: 'log.repeated',
    of: 'station.fault',
    station: 'top',
    code: 'SG_RUNTIME',
    leftOut: 5,
  });
});

test('every event belongs to a module whose level can be set, and every module has events', () => {
  const modules = new Set(Object.keys(EVENTS).map((name) => moduleOf(name as EventName)));
  assert.deepEqual([...modules].sort(), [...LOG_MODULES].sort());
});
