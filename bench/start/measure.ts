import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import type { InspectionMessage } from '../../src/publish/messages.js';
import type { Broker } from '../delivery/broker.js';
import { childrenOf, cpuSecondsOf } from '../support/daemon.js';
import { type Service, startService, until } from '../support/service.js';
import { quantileOf } from '../support/statistics.js';
import type { TriggeredCamera } from './scenes.js';

const LIMITS = {
  startWithinMs: 120_000,
  /** After the first verdict, what a start leaves to be done: the heap is tidied, code is compiled. */
  settleMs: 15_000,
} as const;

interface Spread {
  readonly median: number;
  readonly worst: number;
}

export interface StartsResult {
  readonly name: string;
  /** From the start of the process until it told the service manager that it is ready, in milliseconds. */
  readonly ready: Spread;
  /** From the start of the process until a subscriber had the first verdict. */
  readonly firstVerdictMs: Spread;
  /** Of all its processes, until then: what a busy machine changes least. */
  readonly cpuSeconds: Spread;
  /** Of each start; `load` is the machine's load average over a minute, before it. */
  readonly each: readonly {
    readonly readyMs: number;
    readonly firstVerdictMs: number;
    readonly cpuSeconds: number;
    readonly load: number;
  }[];
}

export interface StartsOptions {
  readonly broker: Broker;
  readonly name: string;
  /** As in `config.yaml`, but for its name. */
  readonly station: object;
  readonly count: number;
}

/** Starts the daemon once to warm the disk's cache, then `count` times. */
export async function measureStarts({ broker, name, station, count }: StartsOptions): Promise<StartsResult> {
  const each: StartsResult['each'][number][] = [];
  for (let run = 0; run <= count; run++) {
    const load = loadavg()[0] as number;
    const one = await withService(broker, station, async (service, verdictAtMs) => {
      let cpuSeconds = Number.NaN;
      const sees = () => {
        if (Number.isNaN(cpuSeconds) && verdictAtMs() !== null) cpuSeconds = treeCpuSeconds(service.pid);
        return !Number.isNaN(cpuSeconds) && service.readyAtMs !== null;
      };
      await until('a verdict and READY=1', sees, LIMITS.startWithinMs);
      const since = (atMs: number | null) => Math.round((atMs as number) - service.begunMs);
      return { readyMs: since(service.readyAtMs), firstVerdictMs: since(verdictAtMs()), cpuSeconds, load };
    });
    if (run > 0) each.push(one);
  }
  const spread = (values: readonly number[]): Spread => ({
    median: quantileOf(values, 0.5),
    worst: Math.max(...values),
  });
  return {
    name,
    ready: spread(each.map(({ readyMs }) => readyMs)),
    firstVerdictMs: spread(each.map(({ firstVerdictMs }) => firstVerdictMs)),
    cpuSeconds: spread(each.map(({ cpuSeconds }) => cpuSeconds)),
    each,
  };
}

export interface IdleResult {
  readonly name: string;
  readonly seconds: number;
  /** Of all its processes together: 1 is one core that does nothing else. */
  readonly shareOfCore: number;
  readonly agentShareOfCore: number;
  readonly load: number;
}

export interface IdleOptions {
  readonly broker: Broker;
  readonly name: string;
  readonly station: object;
  /** Triggered once before: a station that has looked at nothing is not at rest. */
  readonly triggered: TriggeredCamera | null;
  readonly seconds: number;
}

/** Leaves the daemon alone, once it has begun and come to rest. */
export async function measureIdle(options: IdleOptions): Promise<IdleResult> {
  const { broker, name, station, triggered, seconds } = options;
  return withService(broker, station, async (service) => {
    if (triggered !== null) {
      await until('the camera is opened', () => triggered.isOpen, LIMITS.startWithinMs);
      triggered.trigger();
    }
    await until('READY=1', () => service.readyAtMs !== null, LIMITS.startWithinMs);
    await wait(LIMITS.settleMs);
    const [before, agentBefore] = [treeCpuSeconds(service.pid), cpuSecondsOf(service.pid)];
    await wait(seconds * 1000);
    return {
      name,
      seconds,
      shareOfCore: (treeCpuSeconds(service.pid) - before) / seconds,
      agentShareOfCore: (cpuSecondsOf(service.pid) - agentBefore) / seconds,
      load: loadavg()[0] as number,
    };
  });
}

/** @param work gets when the first verdict that a model has given came, by `performance.now()`; null: not yet */
async function withService<T>(
  broker: Broker,
  station: object,
  work: (service: Service, verdictAtMs: () => number | null) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-start-'));
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const client: MqttClient = await connectAsync(url);
  let verdictAtMs: number | null = null;
  client.on('message', (_, payload) => {
    const { verdict } = JSON.parse(payload.toString()) as InspectionMessage;
    if (verdict !== 'invalid') verdictAtMs ??= performance.now();
  });
  await client.subscribeAsync('sideglance/+/+/+/+/inspection');
  const service = await startService({ folder, url, stations: [{ name: 'station-1', ...station }] });
  try {
    return await work(service, () => verdictAtMs);
  } finally {
    await service.stop();
    await client.endAsync(true);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of a process and all that it has started. */
function treeCpuSeconds(pid: number): number {
  return childrenOf(pid).reduce((sum, child) => sum + treeCpuSeconds(child), cpuSecondsOf(pid));
}
