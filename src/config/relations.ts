import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PACKAGE_ROOT } from '../paths.js';
import { SOFTWARE_TRIGGER } from './cameras.js';
import { fromFile, listAt, passwordFaults, readableSecret, repeatedNames, urlFaults } from './checks.js';
import { commandFaults } from './commands-relations.js';
import { type Fault, type Path, valueAt } from './faults.js';
import { inferFaults } from './infer-relations.js';
import { idFaults, idInStore, modelsFaults } from './model-store.js';
import { RESERVED_STATION_NAMES } from './schema.js';
import { sparkplugFaults } from './sparkplug-relations.js';

/** The bundle that a station without `model` uses. */
export const DEMO_MODEL = join(PACKAGE_ROOT, 'models', 'demo');

/**
 * The rules that tie several keys together, or a key to the disk. They look at the file as it was written, whatever
 * else may be wrong in it, so that one start names every fault.
 */
export function relationFaults(value: unknown, file: string): Fault[] {
  const at = (...path: Path) => valueAt(value, path);
  const stations = listAt(value, ['stations']);
  return [
    ...mqttFaults(at('mqtt'), file),
    ...sparkplugFaults(value, file),
    ...repeatedNames(value, ['stations'], 'station'),
    ...stations.flatMap((_, i) => stationFaults(value, i, file)),
    ...commandFaults(value),
    ...modelsFaults(at('models'), file),
    ...inferFaults(at('infer'), file),
  ];
}

function mqttFaults(mqtt: unknown, file: string): Fault[] {
  const at = (...path: Path) => valueAt(mqtt, path);
  const url = at('url');
  const faults: Fault[] = [];
  const fault = (path: Path, message: string) => faults.push({ path: ['mqtt', ...path], message });

  const fallbacks = listAt(mqtt, ['fallbackUrls']);
  const urls = [url, ...fallbacks];
  for (const [i, one] of urls.entries()) {
    const path = i === 0 ? ['url'] : ['fallbackUrls', i - 1];
    faults.push(...urlFaults(one, ['mqtt', ...path], ['mqtt', 'mqtts', 'ws', 'wss']));
    if (urls.indexOf(one) < i) fault(path, 'stands in the list a second time');
  }
  if (url === undefined) {
    for (const key of ['fallbackUrls', 'username', 'password', 'passwordFile', 'tls'] as const) {
      if (at(key) !== undefined && !(key === 'fallbackUrls' && fallbacks.length === 0))
        fault(
          [key],
          'has no effect without `mqtt.url`: the embedded broker has no users, no TLS and no other beside it',
        );
    }
  } else {
    if (at('tls') !== undefined && urls.every((one) => typeof one === 'string' && /^(mqtt|ws):/.test(one))) {
      fault(['tls'], 'has no effect on an unencrypted connection: use `mqtts:` or `wss:` in `mqtt.url`');
    }
  }
  faults.push(...sessionFaults(at('session'), at('protocolVersion')));
  if ((at('tls', 'cert') === undefined) !== (at('tls', 'key') === undefined)) {
    fault(['tls'], 'needs both `cert` and `key`, or neither');
  }
  for (const key of ['ca', 'cert', 'key'] as const) {
    faults.push(...readableSecret(at('tls', key), ['mqtt', 'tls', key], file));
  }
  faults.push(...passwordFaults(mqtt, ['mqtt'], file));
  return faults;
}

function sessionFaults(session: unknown, protocolVersion: unknown): Fault[] {
  const at = (key: string) => valueAt(session, [key]);
  const base: Path = ['mqtt', 'session'];
  const [delay, expiry] = [at('willDelaySeconds') ?? 0, at('expirySeconds') ?? 0];
  const faults: Fault[] = [];
  for (const [key, value] of [
    ['willDelaySeconds', delay],
    ['expirySeconds', expiry],
  ] as const) {
    if (value !== 0 && protocolVersion === 4) {
      faults.push({
        path: [...base, key],
        message: 'has no effect with `protocolVersion: 4`: MQTT 3.1.1 has no such thing',
      });
    }
  }
  if (typeof delay !== 'number' || typeof expiry !== 'number' || delay === 0) return faults;
  if (expiry < delay || at('cleanStart') !== false) {
    const message = `needs \`cleanStart: false\` and \`expirySeconds\` of at least ${delay}: the will comes when the session ends, if that is sooner`;
    faults.push({ path: [...base, 'willDelaySeconds'], message });
  }
  return faults;
}

function stationFaults(value: unknown, index: number, file: string): Fault[] {
  const base: Path = ['stations', index];
  const at = (...path: Path) => valueAt(value, [...base, ...path]);
  const faults: Fault[] = [];
  const fault = (path: Path, message: string) => faults.push({ path: [...base, ...path], message });

  const name = at('name');
  if (typeof name === 'string' && RESERVED_STATION_NAMES.includes(name)) {
    fault(
      ['name'],
      `must not be one of ${RESERVED_STATION_NAMES.join(', ')}: the device’s own topics have these names`,
    );
  }
  faults.push(...modelFaults(at('model'), [...base, 'model'], file));
  faults.push(...repeatedNames(value, [...base, 'regions'], 'region'));

  const threshold = at('threshold');
  if (typeof threshold === 'object' && threshold !== null) {
    const given = ['falseRejectRate', 'score'].filter((key) => key in threshold);
    if (given.length !== 1) fault(['threshold'], 'needs exactly one of `falseRejectRate` and `score`');
  }

  const camera = [...base, 'camera'];
  const [silent, reopen] = [at('camera', 'silentAfterMs'), at('camera', 'reopenAfterMs')];
  if (typeof silent === 'number' && typeof reopen === 'number' && reopen < silent) {
    fault(['camera', 'reopenAfterMs'], `must not be less than \`silentAfterMs\` (${silent}), is ${reopen}`);
  }
  if (at('camera', 'type') === 'rtsp') {
    faults.push(...urlFaults(at('camera', 'url'), [...camera, 'url'], ['rtsp', 'rtsps']));
    faults.push(...passwordFaults(at('camera'), camera, file));
  }
  if (at('camera', 'trigger') !== undefined) {
    if (at('camera', 'trigger') === SOFTWARE_TRIGGER && at('trigger') !== 'command') {
      fault(['trigger'], `must be \`command\`: nothing else triggers a camera with \`trigger: ${SOFTWARE_TRIGGER}\``);
    }
    for (const key of ['framesPerSecond', 'silentAfterMs', 'reopenAfterMs']) {
      if (at('camera', key) !== undefined)
        fault(['camera', key], 'has no effect with `trigger`: a frame comes when something triggers it');
    }
  }
  if (at('camera', 'type') === 'files')
    faults.push(...imageFilesFaults(at('camera', 'path'), [...camera, 'path'], file));
  return faults;
}

function modelFaults(model: unknown, path: Path, file: string): Fault[] {
  if (model !== undefined && (typeof model !== 'string' || model === '')) return [];
  const id = model === undefined ? null : idInStore(model);
  if (id !== null) return idFaults(id, path);
  const bundle = model === undefined ? DEMO_MODEL : fromFile(file, model);
  if (existsSync(join(bundle, 'manifest.json'))) return [];
  const why = existsSync(bundle) ? 'is not a model bundle (no manifest.json in it)' : 'does not exist';
  const hint = model === undefined ? 'give the station a `model`' : 'make one with `sideglance train`';
  return [{ path, message: `${bundle} ${why}; ${hint}` }];
}

function imageFilesFaults(pattern: unknown, path: Path, file: string): Fault[] {
  if (typeof pattern !== 'string' || pattern === '') return [];
  const full = fromFile(file, pattern);
  const folder = existsSync(full) && statSync(full).isDirectory() ? full : dirname(full);
  if (existsSync(folder) && statSync(folder).isDirectory()) return [];
  return [{ path, message: `the folder ${folder} does not exist` }];
}
