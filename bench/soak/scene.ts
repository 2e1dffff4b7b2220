import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { freePort } from '../../src/benchmark/measured-daemon.js';
import { elementExists } from '../../src/capture/gstreamer/elements.js';
import type { GapMessage, HealthMessage, InspectionMessage } from '../../src/publish/messages.js';
import { FakeGigeCamera } from '../../test/capture/fake-gige-camera.js';
import { type Broker, startBroker } from '../delivery/broker.js';
import { type Disk, mountDisk } from '../delivery/disk.js';
import { startWire, type Wire } from '../delivery/wire.js';
import { type Service, startService } from '../support/service.js';

/** Nothing is ever done to it but what is done to the whole: its memory and latency are judged. */
export const STEADY = 'steady';
/** Its process is killed and stopped. */
export const VICTIM = 'victim';
/** Its camera goes away. */
export const GIGE = 'gige';

const ALLOWED = ['snapshot', 'threshold', 'camera', 'pause', 'resume', 'restart'] as const;
/** Lateness is judged by the latency that is measured here, not by the daemon: a machine may have other things to do. */
const DEADLINE_MS = 10_000;
/** A small store: one that holds a gigabyte needs no full disk to show what it does on one. */
const STORE_BYTES = 32 * 1024 * 1024;

export interface SceneOptions {
  /** A folder of its own, where there is no disk of its own. */
  readonly folder: string;
  readonly partsPerSecond: number;
  readonly onInspection: (message: InspectionMessage) => void;
  readonly onGap: (message: GapMessage) => void;
  readonly onHealth: (message: HealthMessage) => void;
}

/** The daemon with all that is around it. */
export interface Scene {
  readonly service: Service;
  readonly broker: Broker;
  /** Between the daemon and the broker. */
  readonly wire: Wire;
  /** Null where aravis is not installed. */
  readonly camera: FakeGigeCamera | null;
  /** What the daemon keeps lies on it; null where this account may not mount one. */
  readonly disk: Disk | null;
  readonly httpPort: number;
  readonly stations: readonly string[];
  /** Subscribes again, after the broker was away. */
  listenAgain(): Promise<void>;
  /** Sends a command to a station, or with null to the device. Returns its outcome, null where no answer came in time. */
  command(station: string | null, name: string, request: string | object, withinMs: number): Promise<string | null>;
  /** The process of a station that runs now. @throws Error where none was ever started */
  pidOf(station: string): Promise<number>;
  /** Ends everything. Returns how the daemon ended. */
  close(): Promise<{ readonly code: number | null; readonly ms: number }>;
}

export async function openScene(options: SceneOptions): Promise<Scene> {
  const { partsPerSecond } = options;
  const disk = mountDisk();
  const folder = disk?.folder ?? options.folder;
  const broker = await startBroker();
  const wire = await startWire(broker.port, '127.0.0.1');
  const camera = (await elementExists('aravissrc')) ? await FakeGigeCamera.reserve() : null;
  await camera?.start();
  const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, {
    protocolVersion: 5,
    reconnectPeriod: 20,
    reconnectOnConnackError: true,
  });
  client.on('error', () => {});
  const answers = hear(client, options);
  await listen(client);
  const httpPort = await freePort();
  const line = (name: string, seed: number, rate: number) => ({
    name,
    camera: { type: 'simulated', partsPerSecond: rate, seed },
    deadlineMs: DEADLINE_MS,
  });
  const gige = { type: 'gige', camera: '127.0.0.1', width: 512, height: 512, framesPerSecond: partsPerSecond };
  const stations = [
    line(STEADY, 1, partsPerSecond),
    line(VICTIM, 2, partsPerSecond / 2),
    ...(camera === null ? [] : [{ name: GIGE, camera: gige, deadlineMs: DEADLINE_MS }]),
  ];
  const service = await startService({
    folder,
    url: `mqtt://127.0.0.1:${wire.port}`,
    stations,
    mqtt: { outbox: { maxBytes: STORE_BYTES } },
    more: {
      http: { port: httpPort },
      commands: {
        enabled: true,
        allow: { ...Object.fromEntries(ALLOWED.map((one) => [one, 'always'])), report: 'always' },
      },
    },
    logFolder: options.folder,
  });
  let commands = 0;
  return {
    service,
    broker,
    wire,
    camera,
    disk,
    httpPort,
    stations: stations.map(({ name }) => name),
    async listenAgain() {
      while (!client.connected) await new Promise((done) => setTimeout(done, 5));
      await listen(client);
    },
    async command(station, name, request, withinMs) {
      const id = `soak-${commands++}`;
      const topic = ['sideglance/bench/bench/bench', ...(station === null ? [] : [station]), 'command', name].join('/');
      const answer = answers.wait(id, withinMs);
      const payload = typeof request === 'string' ? request : JSON.stringify({ id, ...request });
      // The id of a command that is no JSON.
      await client.publishAsync(topic, payload, { qos: 1, properties: { correlationData: Buffer.from(id) } });
      return answer;
    },
    async pidOf(station) {
      const log = await readFile(join(options.folder, 'log'), 'utf8');
      const starts = log
        .split('\n')
        .filter((text) => text.includes('"station.started"'))
        .map((text) => JSON.parse(text) as { station: string; pid: number });
      const found = starts.findLast((one) => one.station === station);
      if (found === undefined) throw new Error(`the station ${station} was never started`);
      return found.pid;
    },
    async close() {
      const end = await service.stop();
      await client.endAsync(true);
      await wire.close();
      await broker.close();
      await camera?.release();
      disk?.close();
      return end;
    },
  };
}

interface Answers {
  wait(id: string, withinMs: number): Promise<string | null>;
}

/** At QoS 0, so that what the broker has acknowledged to the daemon is here even where the broker is killed. */
async function listen(client: MqttClient): Promise<void> {
  await client.subscribeAsync('sideglance/#', { qos: 0 });
}

function hear(client: MqttClient, { onInspection, onGap, onHealth }: SceneOptions): Answers {
  const waiting = new Map<string, (outcome: string | null) => void>();
  client.on('message', (topic, payload) => {
    const kind = topic.split('/').at(-1);
    if (kind === 'inspection') onInspection(JSON.parse(payload.toString()));
    else if (kind === 'gap') onGap(JSON.parse(payload.toString()));
    else if (kind === 'health') onHealth(JSON.parse(payload.toString()));
    else if (kind === 'answer') {
      const { id, outcome } = JSON.parse(payload.toString()) as { id: string; outcome: string };
      waiting.get(id)?.(outcome);
    }
  });
  return {
    wait: (id, withinMs) =>
      new Promise((done) => {
        const timer = setTimeout(() => end(null), withinMs);
        const end = (outcome: string | null) => {
          clearTimeout(timer);
          waiting.delete(id);
          done(outcome);
        };
        waiting.set(id, end);
      }),
  };
}
