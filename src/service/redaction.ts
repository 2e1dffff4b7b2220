import type { Config } from '../config/schema.js';

const HIDDEN = '…';
/** Fields that never hold anything else. */
const SECRET_FIELD = /^(pass(word|phrase|wd)?|token|secret|credentials?|authorization|(api|private)?_?key|username)$/i;
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // RFC 3986 §3.2.1: what stands before the @ of an authority. A password may itself hold an @.
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#'"<>]*@/gi, `$1${HIDDEN}@`],
  // As GStreamer, MQTT and HTTP write them: `user-pw=x`, `password: "x"`, `Authorization: Bearer x`.
  [
    /\b((?:user-?pw|pass(?:word|phrase|wd)?|token|secret|api[_-]?key|authorization)["']?\s*[=:]\s*(?:bearer\s+|basic\s+)?)("[^"]*"|'[^']*'|[^\s,;&"'}]+)/gi,
    `$1${HIDDEN}`,
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, HIDDEN],
];
/** Deeper than any event; what lies beyond is left out. */
const MAX_DEPTH = 8;

/**
 * Takes secrets out of texts and fields before they leave the process: passwords of the configuration wherever they
 * stand, users and passwords in addresses, and what is named like a secret. Errors of drivers repeat what they were given.
 */
export class Redaction {
  readonly #known: readonly RegExp[];

  /** @param secrets the passwords in use */
  constructor(secrets: readonly string[]) {
    this.#known = [...new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]))]
      .filter((secret) => secret !== '')
      .map(exactly);
  }

  static of({ mqtt, stations }: Pick<Config, 'mqtt' | 'stations'>): Redaction {
    const cameras = stations.map(({ camera }) => ('password' in camera ? camera.password : undefined));
    return new Redaction([mqtt.password, ...cameras].filter((secret) => secret !== undefined));
  }

  text(text: string): string {
    let clean = text;
    for (const secret of this.#known) clean = clean.replace(secret, HIDDEN);
    for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
    return clean;
  }

  fields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return this.#value(fields, 0) as Record<string, unknown>;
  }

  #value(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= MAX_DEPTH) return HIDDEN;
    if (value instanceof Error) return this.text(value.message);
    if (Array.isArray(value)) return value.map((one) => this.#value(one, depth + 1));
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [
        name,
        SECRET_FIELD.test(name) ? HIDDEN : this.#value(inner, depth + 1),
      ]),
    );
  }
}

/** A short secret is hidden where it stands by itself only: in the middle of words it would make every text unreadable. */
function exactly(secret: string): RegExp {
  const literal = secret.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  return new RegExp(secret.length < 4 ? `(?<![\\p{L}\\p{N}])${literal}(?![\\p{L}\\p{N}])` : literal, 'gu');
}
