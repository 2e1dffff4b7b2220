import type { IncomingMessage } from '../../src/publish/inbox.js';
import { Random } from '../../src/random.js';

/** Messages to the command topics, from whole commands to noise, and an opinion of its own about which may be carried out. */

export const FUZZ_ROOT = 'sideglance/bench/bench/bench';
export const FUZZ_STATIONS = ['top', 'side'] as const;
/** As `commands.allow`: what is not here is allowed. */
export const FUZZ_ALLOW = { pause: 'never', restart: ['top'] } as const;

const STATION_WISE = ['trigger', 'snapshot', 'threshold', 'calibrate', 'camera', 'pause', 'resume', 'restart'];
const DEVICE_WISE = ['report', 'model.install', 'model.activate', 'model.rollback', 'model.confirm'];
const STRANGE: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  -0,
  '',
  'x',
  'top',
  '__proto__',
  [],
  [1],
  {},
  { a: { b: [] } },
  '\u0000',
  '\ud800',
  'ä'.repeat(40),
  'x'.repeat(400),
  '1970-01-01T00:00:00Z',
  '../../etc/passwd',
  '$SYS/x',
  '+',
  '#',
];

export class CommandFuzz {
  readonly #random: Random;
  #count = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  next(): IncomingMessage {
    this.#count++;
    const whole = this.#whole();
    const message = this.#spoil(whole);
    return this.#chance(0.9) ? message : { ...message, topic: this.#strangeTopic() };
  }

  /** A command that is right, and allowed or not. */
  #whole(): IncomingMessage {
    const isOfStation = this.#chance(0.7);
    const name = this.#pick(isOfStation ? STATION_WISE : DEVICE_WISE);
    const inTopic = isOfStation && this.#chance(0.5);
    const station = this.#pick(FUZZ_STATIONS);
    const fields = {
      id: `${this.#count}`,
      ...(isOfStation && !inTopic ? { station } : {}),
      ...this.#fieldsOf(name),
    };
    return {
      topic: `${FUZZ_ROOT}/${inTopic ? `${station}/` : ''}command/${name}`,
      payload: Buffer.from(JSON.stringify(fields)),
      retain: false,
      responseTopic: this.#chance(0.2) ? `${FUZZ_ROOT}/answer/hmi` : null,
      correlation: this.#chance(0.2) ? this.#bytes(16) : null,
      hasExpiry: false,
    };
  }

  #fieldsOf(name: string): object {
    switch (name) {
      case 'threshold':
        return this.#pick([{ score: 3 }, { factor: 1.1 }, { falseRejectRate: 0.01 }, { reset: true }]);
      case 'calibrate':
        return this.#pick([{}, { parts: 50 }, { falseRejectRate: 0.01, withinSeconds: 20 }]);
      case 'camera':
        return this.#pick([{ gainDb: 3 }, { exposureMicroseconds: 900 }, { reset: true }]);
      case 'model.install':
        return { url: 'https://models.example/m.tar', sha256: '0123456789abcdef'.repeat(4) };
      case 'model.activate':
      case 'model.confirm':
        return { model: 'bracket', version: '3' };
      default:
        return {};
    }
  }

  #spoil(message: IncomingMessage): IncomingMessage {
    switch (this.#below(10)) {
      case 0:
        return message;
      case 1:
      case 2:
      case 3:
        return { ...message, payload: this.#mutated(message.payload) };
      case 4:
      case 5:
        return { ...message, payload: this.#strangeFields(message.payload) };
      case 6:
        return { ...message, payload: this.#bytes(this.#below(200)) };
      case 7:
        return { ...message, payload: Buffer.from(JSON.stringify(this.#pick(STRANGE)) ?? '') };
      case 8:
        return this.#pick([
          { ...message, retain: true },
          { ...message, responseTopic: this.#strangeTopic() },
          { ...message, correlation: this.#bytes(this.#below(300)) },
          { ...message, payload: Buffer.alloc(this.#below(40_000), '{"id":') },
          { ...message, payload: new Uint8Array() },
        ]);
      default:
        return { ...message, topic: this.#strangeTopic() };
    }
  }

  /** Some bytes changed, put in, or cut out. */
  #mutated(payload: Uint8Array): Uint8Array {
    const bytes = [...payload];
    for (let times = 1 + this.#below(4); times > 0; times--) {
      const at = this.#below(bytes.length);
      const byte = this.#pick([0, 0x22, 0x2c, 0x7b, 0x7d, 0x5b, 0x5c, 0xff, this.#below(256)]);
      bytes.splice(at, this.#below(3), ...(this.#chance(0.6) ? [byte] : []));
    }
    return Uint8Array.from(this.#chance(0.1) ? bytes.slice(0, this.#below(bytes.length)) : bytes);
  }

  #strangeFields(payload: Uint8Array): Uint8Array {
    const fields = JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
    const keys = [
      ...Object.keys(fields),
      'id',
      'station',
      'expires',
      'sent',
      'respondTo',
      'reset',
      'score',
      'constructor',
    ];
    for (let times = 1 + this.#below(2); times > 0; times--) {
      const key = this.#pick(keys);
      if (this.#chance(0.2)) delete fields[key];
      else Object.defineProperty(fields, key, { value: this.#pick(STRANGE), enumerable: true, configurable: true });
    }
    return Buffer.from(JSON.stringify(fields));
  }

  #strangeTopic(): string {
    const levels = [
      'command',
      'top',
      'side',
      'answer',
      'status',
      'trigger',
      'pause',
      'report',
      '__proto__',
      '',
      'ä',
      '\u0001',
    ];
    const count = this.#below(5);
    const made = Array.from({ length: count }, () => this.#pick(levels)).join('/');
    return this.#chance(0.8) ? `${FUZZ_ROOT}/${made}` : this.#chance(0.5) ? made : 'x'.repeat(this.#below(2000));
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#below(256));
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)] as T;
  }

  #chance(share: number): boolean {
    return this.#random.uniform() < share;
  }

  #below(below: number): number {
    return this.#random.below(below);
  }
}

/**
 * Whether a message may be carried out, written apart from the schemas and the desk: what it says no to must not be.
 * @returns `<command> <station>`, or null
 */
export function mayBeDone({ topic, payload, retain, responseTopic, correlation }: IncomingMessage): string | null {
  const match = new RegExp(`^${FUZZ_ROOT}/(?:(top|side)/)?command/([a-z.]+)$`).exec(topic);
  const [, inTopic, name = ''] = match ?? [];
  if (match === null || payload.byteLength > 16_384 || (retain && name !== 'model.install')) return null;
  let fields: Record<string, unknown>;
  try {
    // No payload stands for an empty object.
    fields = payload.byteLength === 0 ? {} : JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return null;
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return null;
  const { id, station, respondTo, expires, sent, ...rest } = fields;
  if (id === undefined ? !correlation?.byteLength : !/^[!-~]{1,64}$/.test(text(id))) return null;
  if (correlation !== null && correlation.byteLength > 128) return null;
  const asked = responseTopic ?? respondTo;
  if (asked !== undefined && !(text(asked) === `${FUZZ_ROOT}/answer` || text(asked).startsWith(`${FUZZ_ROOT}/answer/`)))
    return null;
  if (respondTo !== undefined && (text(respondTo) === '' || text(respondTo).length > 256)) return null;
  // Nothing that is generated says a time that holds.
  if (expires !== undefined || sent !== undefined) return null;
  if (DEVICE_WISE.includes(name))
    return inTopic === undefined && station === undefined && fits(name, rest) ? `${name} -` : null;
  if (!STATION_WISE.includes(name) || name === 'pause') return null;
  const where = inTopic ?? station;
  if ((where !== 'top' && where !== 'side') || (station !== undefined && station !== where)) return null;
  if (name === 'restart' && where !== 'top') return null;
  return fits(name, rest) ? `${name} ${where}` : null;
}

function fits(name: string, rest: Readonly<Record<string, unknown>>): boolean {
  const keys = Object.keys(rest);
  const only = (...known: string[]) => keys.every((key) => known.includes(key));
  const between = (key: string, low: number, high: number) =>
    rest[key] === undefined ||
    (typeof rest[key] === 'number' && (rest[key] as number) >= low && (rest[key] as number) <= high);
  switch (name) {
    case 'threshold':
      return (
        keys.length === 1 &&
        only('score', 'factor', 'falseRejectRate', 'reset') &&
        between('score', 0, 1e6) &&
        between('factor', 0.1, 10) &&
        between('falseRejectRate', Number.MIN_VALUE, 0.5) &&
        (keys[0] !== 'reset' || rest.reset === true)
      );
    case 'calibrate':
      return (
        only('parts', 'falseRejectRate', 'withinSeconds') &&
        between('parts', 20, 10_000) &&
        between('falseRejectRate', Number.MIN_VALUE, 0.5) &&
        between('withinSeconds', 10, 3600)
      );
    case 'camera':
      return (
        keys.length > 0 &&
        (only('exposureMicroseconds', 'gainDb') || (keys.length === 1 && rest.reset === true)) &&
        between('exposureMicroseconds', Number.MIN_VALUE, 6e7) &&
        between('gainDb', 0, 100)
      );
    case 'model.install':
      return (
        only('url', 'sha256', 'activate') &&
        text(rest.url) !== '' &&
        text(rest.url).length <= 1024 &&
        /^[0-9a-f]{64}$/.test(text(rest.sha256))
      );
    case 'model.activate':
      return only('model', 'version', 'stations') && text(rest.model) !== '' && text(rest.version) !== '';
    case 'model.confirm':
      return only('model', 'version') && text(rest.model) !== '' && text(rest.version) !== '';
    case 'model.rollback':
      return only('stations');
    default:
      return keys.length === 0;
  }
}

/** Empty for what is no text. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
