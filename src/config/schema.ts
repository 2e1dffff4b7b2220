import { z } from 'zod';
import { AlarmsSchema } from './alarms.js';
import { CameraSchema } from './cameras.js';
import { type CommandsConfig, CommandsSchema } from './commands.js';
import { name, password, passwordFile, text, whole } from './fields.js';
import { InferSchema } from './infer.js';
import { ModelsSchema } from './model-store.js';
import { MqttSessionSchema } from './mqtt-session.js';
import { PublishSchema } from './publish.js';
import { HttpSchema, LogSchema } from './service.js';
import { SparkplugSchema } from './sparkplug.js';

/**
 * The one description of `config.yaml`: it validates, fills in defaults, and is what `docs/config.schema.json` and
 * `docs/configuration.md` are generated from. What ties several keys together stands in `relations.ts`.
 */

/** Station names that would collide with the device's own MQTT topics. */
export const RESERVED_STATION_NAMES: readonly string[] = [
  'answer',
  'audit',
  'command',
  'health',
  'model',
  'status',
  'update',
];

const DeviceSchema = z
  .strictObject({
    site: name('The plant.'),
    line: name('The production line.'),
    name: name('This computer, unique on its line.'),
  })
  .meta({ description: 'Who this device is. Its topics begin with `sideglance/<site>/<line>/<name>`.' });

const TlsSchema = z
  .strictObject({
    ca: text('Certificates of the authority that signed the broker’s certificate (PEM file).').exactOptional(),
    cert: text('This device’s own certificate (PEM file). Needs `key`.').exactOptional(),
    key: text('The private key of `cert` (PEM file).').exactOptional(),
    serverName: text('The name in the broker’s certificate, where it is not the host in `url`.').exactOptional(),
  })
  .meta({
    description: 'Files for an encrypted connection (`mqtts:` or `wss:`), relative to this file, or `credential:NAME`.',
  });

const EmbeddedBrokerSchema = z
  .strictObject({
    host: text(
      'The address to listen on. The embedded broker asks nobody for a password: keep it on loopback.',
    ).default('127.0.0.1'),
    port: whole(1, 65535, 'The TCP port to listen on. Not 1883, where this computer may run a broker already.').default(
      11883,
    ),
  })
  .meta({ description: 'The broker that sideglance runs itself when `url` is absent.' });

const MIB = 1024 * 1024;
const hours = (description: string) => z.number().gt(0).max(87_600).meta({ description });

const OutboxSchema = z
  .strictObject({
    folder: text(
      'Where messages are kept, relative to this file. Absent: `outbox` in the folder that systemd gives the service (`StateDirectory=`), else `var/outbox` beside this file.',
    ).exactOptional(),
    maxBytes: whole(
      MIB,
      65_536 * MIB,
      'Room for messages that wait; over it frames go first, then maps, verdicts last. The file itself may take up to twice as much.',
    ).default(512 * MIB),
    maxAgeHours: z
      .strictObject({
        verdict: hours('Verdicts.').default(168),
        map: hours('Anomaly maps.').default(24),
        frame: hours('Frames.').default(1),
      })
      .prefault({})
      .meta({
        description:
          'How long messages wait before they are dropped, in hours that sideglance runs. In MQTT 5 a broker that keeps them for a consumer drops them at the same age.',
      }),
    sync: z.enum(['batched', 'every']).default('batched').meta({
      description:
        '`batched`: what waits is synced every 100 ms, so a power cut costs 200 ms of undelivered messages at most, and the end of the process none. `every`: a message is sent only when it lies safely on the disk; without a disk nothing starts.',
    }),
    order: z.enum(['liveFirst', 'strict']).default('liveFirst').meta({
      description:
        'After an outage. `liveFirst`: new messages go ahead of those that waited. `strict`: each stream in its order.',
    }),
    replayPerSecond: z
      .union([z.literal('unlimited'), z.int().min(1).max(100_000)])
      .default(1000)
      .meta({ description: 'Messages that waited are sent at this rate, so that brokers and networks bear it.' }),
  })
  .meta({ description: 'The store on disk in which messages wait until the broker has acknowledged them.' });

const MqttSchema = z
  .strictObject({
    url: z
      .string()
      .meta({
        description:
          'The broker: `mqtt://host:1883`, `mqtts://host:8883`, `ws://…` or `wss://…`. Absent: the embedded broker is used.',
      })
      .exactOptional(),
    fallbackUrls: z.array(z.string()).max(8).default([]).meta({
      description:
        'Brokers that stand in for `url`, the preferred first; same user, password and TLS files. They are tried when those before them cannot be used.',
    }),
    returnAfterSeconds: whole(
      1,
      86_400,
      'On a broker that stands in, the preferred ones are tried again after about so long; each attempt in vain doubles it, up to eight times. The connection stays until the other one is up.',
    ).default(300),
    protocolVersion: z
      .union([z.literal(5), z.literal(4)])
      .default(5)
      .meta({
        description:
          '5 for MQTT 5 (falls back where the broker is older), 4 for MQTT 3.1.1. The embedded broker speaks 3.1.1.',
      }),
    clientId: text('The MQTT client id. Absent: `sideglance-<site>-<line>-<name>`.').exactOptional(),
    username: text('The user name for the broker.').exactOptional(),
    password,
    passwordFile,
    tls: TlsSchema.exactOptional(),
    keepaliveSeconds: whole(
      2,
      3600,
      'A broker that is silent for one and a half times as long counts as lost.',
    ).default(15),
    session: MqttSessionSchema.prefault({}),
    outbox: OutboxSchema.prefault({}),
    embedded: EmbeddedBrokerSchema.prefault({}),
  })
  .meta({ description: 'Where verdicts go.' });

const RegionSchema = z
  .strictObject({
    name: name('Name of the region, unique in its station.'),
    x: whole(0, 32767, 'Left edge in frame pixels.'),
    y: whole(0, 32767, 'Top edge in frame pixels.'),
    width: whole(1, 32768, 'Width in frame pixels.'),
    height: whole(1, 32768, 'Height in frame pixels.'),
  })
  .meta({ description: 'A rectangle of the frame that is inspected by itself.' });

const ThresholdSchema = z
  .strictObject({
    falseRejectRate: z
      .number()
      .gt(0)
      .max(0.5)
      .meta({
        description: 'Share of good parts that may be rejected; the score follows from the model’s calibration.',
      })
      .exactOptional(),
    score: z.number().min(0).meta({ description: 'The score from which a region fails.' }).exactOptional(),
  })
  .meta({ description: 'When a region fails: exactly one of the two keys.', minProperties: 1, maxProperties: 1 });

const StationSchema = z
  .strictObject({
    name: name('Name of the station, unique on this device; part of its topics.'),
    camera: CameraSchema,
    model: text(
      'Folder of the model bundle, relative to this file, or `store:<id>` for a model that is installed in the store, see `models`. Absent: the demo model that comes with sideglance.',
    ).exactOptional(),
    regions: z
      .array(RegionSchema)
      .max(32)
      .default([])
      .meta({ description: 'What is inspected. Absent or empty: the whole frame.' }),
    threshold: ThresholdSchema.default({ falseRejectRate: 0.005 }),
    trigger: z.enum(['frames', 'command']).default('frames').meta({
      description:
        '`frames`: every frame is a part. `command`: the next frame after a `trigger` command is one (docs/commands.md), no other.',
    }),
    deadlineMs: whole(
      10,
      60_000,
      'A part that has no verdict so many milliseconds after its frame was taken is answered `invalid: late`.',
    ).default(1000),
    publish: PublishSchema.prefault({}),
    alarms: AlarmsSchema.prefault({}),
  })
  .meta({ description: 'One camera and what is looked for in its frames. Each station is a process of its own.' });

export const ConfigSchema = z
  .strictObject({
    device: DeviceSchema,
    mqtt: MqttSchema.prefault({}),
    sparkplug: SparkplugSchema.prefault({}),
    stations: z.array(StationSchema).min(1).max(16).meta({ description: 'The cameras of this device.' }),
    commands: CommandsSchema.prefault({}),
    models: ModelsSchema.prefault({}),
    infer: InferSchema.prefault({}),
    http: HttpSchema.exactOptional(),
    log: LogSchema.prefault({}),
  })
  .meta({ title: 'sideglance configuration' });

/** The file as it was written, checked and with its defaults: paths still relative, passwords still in their files. */
export type WrittenConfig = z.output<typeof ConfigSchema>;

/** A password file has become a password. */
type WithSecrets<T> = T extends { passwordFile?: string } ? Omit<T, 'passwordFile'> : T;
type WrittenStation = WrittenConfig['stations'][number];

export type DeviceConfig = WrittenConfig['device'];
type WrittenOutbox = WrittenConfig['mqtt']['outbox'];
/** `folder` is there, and absolute. */
export type OutboxConfig = Omit<WrittenOutbox, 'folder'> & { readonly folder: string };
export type MqttConfig = Omit<WithSecrets<WrittenConfig['mqtt']>, 'outbox'> & { readonly outbox: OutboxConfig };
type WrittenSparkplug = WithSecrets<WrittenConfig['sparkplug']>;
type SparkplugStore = WrittenConfig['sparkplug']['store'];
/** The folder of the store is there, and absolute. */
export type SparkplugConfig = Omit<WrittenSparkplug, 'store'> & {
  readonly store: Omit<SparkplugStore, 'folder'> & { readonly folder: string };
};
/** Discriminated by `type`. */
export type CameraConfig = WithSecrets<WrittenStation['camera']>;
/** Exactly one of the two. */
export type ThresholdConfig = { readonly falseRejectRate: number } | { readonly score: number };
/** Survives a structured clone: this is what a station process is given. `regions` empty = whole frame. */
export type StationConfig = Omit<WrittenStation, 'camera' | 'model' | 'threshold'> & {
  readonly camera: CameraConfig;
  /** Absolute path of the bundle's folder, or of a model's folder in the store. */
  readonly model: string;
  readonly threshold: ThresholdConfig;
};
/** `threads` is a number now; paths are absolute. */
export type InferConfig = Omit<WrittenConfig['infer'], 'threads'> & { readonly threads: number };
/** Paths are absolute; `keys` may be absent, and then nothing can be installed. */
export type ModelsConfig = Omit<WrittenConfig['models'], 'store'> & { readonly store: string };
export type AlarmsConfig = WrittenStation['alarms'];
export type HttpConfig = NonNullable<WrittenConfig['http']>;
export type LogConfig = WrittenConfig['log'];

/** The whole configuration: every default filled in, every path absolute, passwords read from their files. */
export interface Config {
  /** Absolute path of the file that it came from. */
  readonly file: string;
  /** Where a run keeps what the next one goes on with. */
  readonly stateFolder: string;
  readonly device: DeviceConfig;
  readonly mqtt: MqttConfig;
  readonly sparkplug: SparkplugConfig;
  readonly stations: readonly StationConfig[];
  readonly commands: CommandsConfig;
  readonly models: ModelsConfig;
  readonly infer: InferConfig;
  /** Absent: nothing listens. */
  readonly http?: HttpConfig;
  readonly log: LogConfig;
}
