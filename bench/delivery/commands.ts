import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connectAsync } from 'mqtt';
import { AuditLog } from '../../src/commands/audit-log.js';
import { CommandDesk, type CommandWork } from '../../src/commands/desk.js';
import { COMMAND_NAMES, CommandsSchema } from '../../src/config/commands.js';
import type { IncomingMessage } from '../../src/publish/inbox.js';
import type { Packet } from '../../src/publish/packet.js';
import { Publisher } from '../../src/publish/publisher.js';
import { startBroker } from './broker.js';
import { CommandFuzz, FUZZ_ALLOW, FUZZ_ROOT, FUZZ_STATIONS, mayBeDone } from './command-fuzz.js';
import { DEVICE } from './parts.js';

const LIMITS = {
  /** Of the heap, from a tenth of the messages to the end. What may be remembered is bounded, and reached before. */
  growthBytes: 4 * 1024 * 1024,
  answerWithinMs: 60_000,
} as const;

export interface CommandsResult {
  readonly passed: boolean;
  readonly messages: number;
  readonly overBroker: number;
  readonly perSecond: number;
  /** Commands that were carried out, and whole commands among the messages: of these some have an id that was used before. */
  readonly done: number;
  readonly whole: number;
  /** Carried out although nothing that came allowed it. */
  readonly unasked: number;
  /** Answers or audit on topics that are not for them. */
  readonly astray: number;
  readonly faults: number;
  readonly heapGrowthBytes: number;
}

/** Fuzzed messages at the real desk: straight, with its audit on the disk, and some through a real broker. */
export async function measureCommands(options: {
  readonly messages: number;
  readonly overBroker: number;
}): Promise<CommandsResult> {
  // In memory, where there is such a file system: what is asked is not how fast a disk syncs.
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sideglance-commands-'));
  try {
    const straight = await sendStraight(join(folder, 'straight'), options.messages);
    const through = await sendThrough(join(folder, 'through'), options.overBroker);
    const unasked = straight.unasked + through.unasked;
    const astray = straight.astray;
    const faults = straight.faults + through.faults;
    const isFlat = straight.heapGrowthBytes <= LIMITS.growthBytes;
    return {
      passed: unasked === 0 && astray === 0 && faults === 0 && isFlat && through.answered && straight.done > 0,
      messages: options.messages,
      overBroker: through.received,
      perSecond: Math.round(straight.perSecond),
      done: straight.done + through.done,
      whole: straight.whole,
      unasked,
      astray,
      faults,
      heapGrowthBytes: straight.heapGrowthBytes,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A desk that does nothing but count what it is made to do. */
function countingDesk(folder: string, post: (packet: Packet) => void, nowMs: () => number) {
  const tally = { done: 0, unasked: 0, faults: 0, allowed: null as string | null };
  const work = Object.fromEntries(
    COMMAND_NAMES.map((name) => [
      name,
      async (_wanted: unknown, station: string | null) => {
        tally.done++;
        if (tally.allowed !== null && tally.allowed !== `${name} ${station ?? '-'}`) tally.unasked++;
        return {};
      },
    ]),
  ) as unknown as CommandWork;
  const allow = { ...Object.fromEntries(COMMAND_NAMES.map((name) => [name, 'always'])), ...FUZZ_ALLOW };
  const perMinute = { perMinute: 6000, triggersPerMinute: 60_000 };
  const desk = new CommandDesk({
    device: DEVICE,
    topics: { root: FUZZ_ROOT, answer: `${FUZZ_ROOT}/answer`, audit: `${FUZZ_ROOT}/audit` },
    config: { ...CommandsSchema.parse({ enabled: true, allow, ...perMinute }), folder },
    stations: FUZZ_STATIONS,
    work,
    log: new AuditLog(folder),
    post,
    now: () => ({ utc: new Date(nowMs()).toISOString(), monotonicMs: nowMs() }),
    clockSynced: () => true,
    onFault: () => tally.faults++,
  });
  return { desk, tally };
}

async function sendStraight(folder: string, messages: number) {
  const collect = garbageCollector();
  const fuzz = new CommandFuzz(1);
  let clockMs = Date.parse('2025-03-01T06:15:00Z');
  let astray = 0;
  let whole = 0;
  const isOurs = (topic: string) => topic === `${FUZZ_ROOT}/audit` || /^[^+#]*\/answer(\/[^+#]*)?$/.test(topic);
  const { desk, tally } = countingDesk(
    folder,
    ({ topic }) => {
      if (!isOurs(topic)) astray++;
    },
    () => clockMs,
  );
  let heapBefore = 0;
  const begun = performance.now();
  for (let i = 0; i < messages; i++) {
    if (i === Math.floor(messages / 10)) heapBefore = collect();
    // Every now and then a flood: the clock stands still, and the rates have to hold.
    if (i % 10_000 < 9_000) clockMs += 20;
    const message = fuzz.next();
    const allowed = mayBeDone(message);
    if (allowed !== null) whole++;
    tally.allowed = allowed ?? 'nothing';
    try {
      await desk.handle(message);
    } catch {
      tally.faults++;
    }
  }
  const perSecond = messages / ((performance.now() - begun) / 1000);
  return { ...tally, whole, astray, perSecond, heapGrowthBytes: collect() - heapBefore };
}

async function sendThrough(folder: string, messages: number) {
  const broker = await startBroker();
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const publisher = new Publisher({ device: DEVICE, agentVersion: 'bench', mqtt: { url } });
  const { desk, tally } = countingDesk(
    folder,
    (packet) => publisher.post(packet),
    () => Date.now(),
  );
  let unasked = 0;
  publisher.listen((message: IncomingMessage) => {
    // What a message makes the desk do begins before `receive` returns, or not at all, unless it is written down first.
    const done = tally.done;
    desk.receive(message);
    if (tally.done > done && mayBeDone(message) === null) unasked++;
  });
  const online = new Promise<void>((up) => publisher.on('state', ({ state }) => state === 'online' && up()));
  publisher.start();
  await online;
  const mqtt = await connectAsync(url, { protocolVersion: 5 });
  const fuzz = new CommandFuzz(2);
  for (let i = 0; i < messages; i++) {
    const { topic, payload, retain, responseTopic, correlation } = fuzz.next();
    if (!isTopic(topic)) continue;
    await mqtt.publishAsync(topic, Buffer.from(payload), {
      qos: 1,
      retain,
      properties: {
        ...(responseTopic !== null && isTopic(responseTopic) && { responseTopic }),
        ...(correlation !== null && { correlationData: Buffer.from(correlation) }),
      },
    });
  }
  const answered = await stillAnswers(mqtt);
  await mqtt.endAsync(true);
  await publisher.stop();
  await broker.close();
  return { ...tally, unasked, answered, received: desk.counters.received };
}

async function stillAnswers(mqtt: Awaited<ReturnType<typeof connectAsync>>): Promise<boolean> {
  const responseTopic = `${FUZZ_ROOT}/answer/after`;
  await mqtt.subscribeAsync(responseTopic, { qos: 1 });
  const answer = new Promise<boolean>((got) => {
    const timer = setTimeout(got, LIMITS.answerWithinMs, false);
    mqtt.on('message', (topic, payload) => {
      if (topic !== responseTopic || JSON.parse(payload.toString()).outcome !== 'done') return;
      clearTimeout(timer);
      got(true);
    });
  });
  const payload = JSON.stringify({ id: 'after', respondTo: responseTopic });
  await mqtt.publishAsync(`${FUZZ_ROOT}/command/report`, payload, { qos: 1 });
  return answer;
}

/** What a broker takes without ending the connection of its sender (MQTT 5 §1.5.4, §4.7.3). */
function isTopic(topic: string): boolean {
  return topic !== '' && !/[+#\p{Cc}\p{Cs}]/u.test(topic) && Buffer.byteLength(topic) < 65_536;
}

/** Returns the bytes that are in use after everything else is gone. */
function garbageCollector(): () => number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  return () => {
    collect();
    collect();
    return process.memoryUsage().heapUsed;
  };
}
