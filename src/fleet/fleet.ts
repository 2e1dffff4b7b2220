import { z } from 'zod';
import type { DeviceIdentity } from '../publish/messages.js';

/** What is read of every device, in this order. */
export const FLEET_FILTERS = ['status', 'model', 'update'].map((kind) => `sideglance/+/+/+/${kind}`);

/** What is needed of the messages; a device may be newer than this program, and say more. */
const text = z.string();
const SCHEMAS = {
  status: z.object({ state: text }),
  model: z.object({ stations: z.array(z.object({ name: text, model: text.nullable() })) }),
  update: z.object({
    updates: z.array(
      z.object({
        key: text,
        rollout: text.nullable(),
        model: text.nullable(),
        version: text.nullable(),
        phase: text,
        percent: z.number().nullable(),
        code: text.nullable(),
        reason: text.nullable(),
      }),
    ),
  }),
} as const;

type Kind = keyof typeof SCHEMAS;
type Said = { [K in Kind]?: z.output<(typeof SCHEMAS)[K]> };
/** One model that came, or is to come, onto a device. */
export type FleetUpdate = z.output<typeof SCHEMAS.update>['updates'][number];

/** What a device says of itself. */
export interface FleetDevice {
  /** By its topic: a payload may say what it likes, a topic the broker guards. */
  readonly device: DeviceIdentity;
  /** Null: it has never said. */
  readonly isOnline: boolean | null;
  /** What each runs; null: nothing yet. */
  readonly stations: readonly { readonly name: string; readonly model: string | null }[];
  /** The newest first. */
  readonly updates: readonly FleetUpdate[];
}

/** All devices of a broker, by the messages that it keeps of them. */
export class Fleet {
  readonly #said = new Map<string, { readonly device: DeviceIdentity; readonly said: Said }>();
  /** Messages that are none of ours. */
  unreadable = 0;

  /** Takes any message; one that was taken away is empty. */
  hear(topic: string, payload: Uint8Array): void {
    const [root, site, line, name, kind = '', ...more] = topic.split('/');
    if (root !== 'sideglance' || !site || !line || !name || more.length > 0 || !Object.hasOwn(SCHEMAS, kind)) return;
    const key = `${site}/${line}/${name}`;
    const { device, said } = this.#said.get(key) ?? { device: { site, line, name }, said: {} };
    const { [kind as Kind]: _before, ...others } = said;
    const now = this.#read(SCHEMAS[kind as Kind], payload);
    const next = now === null ? others : { ...others, [kind]: now };
    if (Object.keys(next).length === 0) this.#said.delete(key);
    else this.#said.set(key, { device, said: next });
  }

  /** By name. */
  devices(): FleetDevice[] {
    return [...this.#said.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { device, said }]) => ({
        device,
        isOnline: said.status === undefined ? null : said.status.state === 'online',
        stations: said.model?.stations ?? [],
        updates: said.update?.updates ?? [],
      }));
  }

  /** Null: it was taken away, or is none. */
  #read(schema: z.ZodType, payload: Uint8Array): unknown {
    if (payload.byteLength === 0) return null;
    try {
      const parsed = schema.safeParse(JSON.parse(Buffer.from(payload).toString()));
      if (parsed.success) return parsed.data;
    } catch {
      // Not JSON.
    }
    this.unreadable++;
    return null;
  }
}
