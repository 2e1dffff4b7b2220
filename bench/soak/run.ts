import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { HealthMessage } from '../../src/publish/messages.js';
import { until } from '../support/service.js';
import { quantileOf } from '../support/statistics.js';
import { type Fault, faultsOf } from './faults.js';
import { type Bar, judge } from './judge.js';
import { loadNow, type Sample, sampleProcess } from './sample.js';
import { GIGE, openScene, type Scene, STEADY, VICTIM } from './scene.js';
import { VerdictBooks, type Verdicts } from './verdicts.js';

const LIMITS = {
  startWithinMs: 120_000,
  sampleEveryMs: 10_000,
  interimEveryMs: 300_000,
  /** Before what is judged begins: heaps and caches fill. */
  warmUpShare: 0.05,
  /** Longest time of a fault; the time between two is at least twice as long. */
  faultMs: 10_000,
  drainWithinMs: 120_000,
  /** From the end of an outage until the daemon has noticed it, has connected again, and has sent what waited. */
  outageEchoMs: 60_000,
} as const;

/** While these last verdicts wait, as they should: their latency is that of the outage. */
const OUTAGES: ReadonlySet<string> = new Set(['broker killed', 'half-open connection']);

export interface SoakOptions {
  readonly minutes: number;
  readonly partsPerSecond: number;
  readonly say: (text: string) => void;
  readonly onInterim: (result: SoakResult) => Promise<void>;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

export interface SoakResult {
  readonly verdict: 'passed' | 'FAILED' | 'too short' | 'running';
  readonly minutes: number;
  readonly bars: readonly Bar[];
  readonly verdicts: Readonly<Record<string, Verdicts>>;
  /** By how they were lost. */
  readonly lost: Readonly<Record<string, number>>;
  readonly duplicates: number;
  readonly stored: number;
  /** p50 and p99 of each quarter, in milliseconds, of the station that nothing is done to. */
  readonly latencyByQuarter: readonly { readonly p50: number; readonly p99: number; readonly verdicts: number }[];
  /** How often each thing was done, and what was wrong with how it was borne. */
  readonly faults: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
  readonly leftOut: readonly string[];
  readonly samples: readonly Sample[];
}

/** Runs it all; see `bench/soak.ts`. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const folder = await mkdtemp(join(tmpdir(), 'sideglance-soak-'));
  const books = new VerdictBooks();
  const outage = { untilMs: 0 };
  let health: HealthMessage | null = null;
  const scene = await openScene({
    folder,
    partsPerSecond: options.partsPerSecond,
    onInspection: (message) => books.take(message, nowMs(), nowMs() > outage.untilMs),
    onGap: (message) => books.takeGap(message),
    onHealth: (message) => {
      health = message;
    },
  });
  const run = new Soak(options, scene, books, outage, () => health);
  try {
    await until('verdicts of all', () => scene.stations.every((one) => books.countOf(one) > 0), LIMITS.startWithinMs);
    await run.go();
    const isDrained = () => health?.publishing.waiting.verdict === 0;
    await until('an empty store', isDrained, LIMITS.drainWithinMs).catch(({ message }: Error) =>
      run.wrong.push(message),
    );
  } finally {
    const { code, ms } = await scene.close();
    if (code !== 0) run.wrong.push(`the daemon ended with ${code}`);
    options.say(`stopped within ${ms} ms`);
  }
  const log = await readFile(join(folder, 'log'), 'utf8');
  await rm(folder, { recursive: true, force: true });
  const last = log.split('\n').findLast((text) => text.includes('"agent.stopped"')) ?? '{"undelivered":0}';
  return run.result((JSON.parse(last) as { undelivered: number }).undelivered);
}

class Soak {
  readonly wrong: string[] = [];
  readonly #options: SoakOptions;
  readonly #scene: Scene;
  readonly #books: VerdictBooks;
  readonly #outage: { untilMs: number };
  readonly #health: () => HealthMessage | null;
  readonly #samples: Sample[] = [];
  readonly #done: Record<string, number> = {};
  readonly #begunMs = nowMs();
  #fault: string | null = null;
  #endedMs = Number.NaN;

  constructor(
    options: SoakOptions,
    scene: Scene,
    books: VerdictBooks,
    outage: { untilMs: number },
    health: () => HealthMessage | null,
  ) {
    this.#outage = outage;
    this.#options = options;
    this.#scene = scene;
    this.#books = books;
    this.#health = health;
  }

  async go(): Promise<void> {
    const { minutes, say, onInterim, signal } = this.#options;
    const endMs = this.#begunMs + minutes * 60_000;
    const faults = Object.entries(faultsOf(this.#scene));
    const slotMs = slotOf(minutes * 60_000 * (1 - LIMITS.warmUpShare), faults.length);
    let breaking: Promise<void> = Promise.resolve();
    let nextFaultMs = this.#begunMs + minutes * 60_000 * LIMITS.warmUpShare;
    let nextInterimMs = this.#begunMs + LIMITS.interimEveryMs;
    for (let turn = 0; nowMs() < endMs && !signal.aborted; ) {
      await this.#sample();
      // What is broken last is mended before the end.
      if (this.#fault === null && nowMs() >= nextFaultMs && nowMs() < endMs - slotMs) {
        const [name, fault] = faults[turn++ % faults.length] as (typeof faults)[number];
        breaking = this.#break(name, fault);
        nextFaultMs += slotMs;
      }
      if (nowMs() >= nextInterimMs) {
        nextInterimMs += LIMITS.interimEveryMs;
        await onInterim({ ...this.result(0), verdict: 'running' });
        say(this.#text());
      }
      await wait(LIMITS.sampleEveryMs, undefined, { signal }).catch(() => {});
      if (this.#scene.service.hasEnded) {
        this.wrong.push('the daemon has ended');
        break;
      }
    }
    await breaking;
    this.#endedMs = nowMs();
  }

  async #break(name: string, fault: Fault): Promise<void> {
    this.#fault = name;
    if (OUTAGES.has(name)) this.#outage.untilMs = Number.POSITIVE_INFINITY;
    try {
      this.wrong.push(...(await fault(this.#scene, LIMITS.faultMs)).map((text) => `${name}: ${text}`));
    } catch (thrown) {
      this.wrong.push(`${name}: ${(thrown as Error).message}`);
    }
    if (OUTAGES.has(name)) this.#outage.untilMs = nowMs() + LIMITS.outageEchoMs;
    this.#done[name] = (this.#done[name] ?? 0) + 1;
    this.#fault = null;
  }

  async #sample(): Promise<void> {
    const { service, stations, pidOf } = this.#scene;
    const pids: [string, number][] = [['agent', service.pid]];
    for (const station of stations) pids.push([station, await pidOf(station)]);
    const health = this.#health();
    const now = nowMs();
    const latencies = this.#books.latencies(STEADY, now - LIMITS.sampleEveryMs, now);
    this.#samples.push({
      second: Math.round((now - this.#begunMs) / 1000),
      processes: Object.fromEntries(
        pids.flatMap(([name, pid]) => {
          const one = sampleProcess(pid);
          return one === null ? [] : [[name, one]];
        }),
      ),
      agentLagMs: health?.agent.eventLoopLagMs ?? 0,
      stationLagMs: health?.stations.find(({ name }) => name === STEADY)?.eventLoopLagMs ?? 0,
      latencyMs: latencies.length === 0 ? null : Math.round(quantileOf(latencies, 0.5)),
      waiting: health?.publishing.waiting.verdict ?? 0,
      load: loadNow(),
      fault: this.#fault,
    });
  }

  /** @param undelivered what the daemon said at its end */
  result(undelivered: number): SoakResult {
    const books = this.#books;
    const endMs = Number.isNaN(this.#endedMs) ? nowMs() : this.#endedMs;
    const warmMs = this.#begunMs + (endMs - this.#begunMs) * LIMITS.warmUpShare;
    const quarterMs = (endMs - warmMs) / 4;
    const quarters = [0, 1, 2, 3].map((quarter) =>
      books.latencies(STEADY, warmMs + quarter * quarterMs, warmMs + (quarter + 1) * quarterMs),
    );
    const answered = this.#health()?.stations ?? [];
    const lost = {
      missingInStreams: books.holes.inStreams,
      partsWithoutAnswer: books.holes.inParts,
      announcedAsGone: books.announcedAsGone,
      undelivered,
      countedButNotHeard: answered.reduce(
        (sum, { name, parts: { pass, fail, invalid } }) =>
          sum + Math.max(0, pass + fail + invalid - books.countOf(name)),
        0,
      ),
    };
    const judged = this.#samples.filter(({ second }) => second * 1000 >= warmMs - this.#begunMs);
    const names = ['agent', ...this.#scene.stations].filter(
      (name) => name !== VICTIM && new Set(judged.map(({ processes }) => processes[name]?.pid)).size === 1,
    );
    const lostAtAll = Object.values(lost).reduce((sum, count) => sum + count, 0);
    const latencies = { first: quarters[0] as number[], last: quarters[3] as number[] };
    const bars = judge(judged, names, latencies, lostAtAll, this.wrong.length);
    const isWhole = ['agent', STEADY].every((name) => names.includes(name));
    return {
      verdict: isWhole ? verdictOf(bars) : 'FAILED',
      minutes: Math.round(((endMs - this.#begunMs) / 60_000) * 10) / 10,
      bars,
      verdicts: books.stations,
      lost,
      duplicates: books.duplicates,
      stored: books.stored,
      latencyByQuarter: quarters
        .filter((quarter) => quarter.length > 0)
        .map((quarter) => ({
          p50: Math.round(quantileOf(quarter, 0.5) * 10) / 10,
          p99: Math.round(quantileOf(quarter, 0.99) * 10) / 10,
          verdicts: quarter.length,
        })),
      faults: { ...this.#done },
      wrong: [...this.wrong],
      leftOut: [
        ...(this.#scene.camera === null ? [`${GIGE}: aravis is not installed (apt-get install aravis-tools)`] : []),
        ...(this.#scene.disk === null ? ['disk full: this account may not mount a disk'] : []),
      ],
      samples: [...this.#samples],
    };
  }

  #text(): string {
    const { second, processes, load } = this.#samples.at(-1) as Sample;
    const rss = Object.entries(processes).map(([name, one]) => `${name} ${Math.round(one.rssBytes / 1024 ** 2)} MiB`);
    const done = Object.values(this.#done).reduce((sum, count) => sum + count, 0);
    return `${Math.round(second / 60)} min: ${rss.join(', ')}, ${done} faults, load ${load}, wrong: ${this.wrong.join('; ') || 'nothing'}`;
  }
}

function verdictOf(bars: readonly Bar[]): SoakResult['verdict'] {
  if (bars.some(({ met }) => met === false)) return 'FAILED';
  return bars.some(({ met }) => met === null) ? 'too short' : 'passed';
}

/** So that each quarter has as many of each fault. */
function slotOf(judgedMs: number, faults: number): number {
  const leastMs = 2 * LIMITS.faultMs;
  const quarterMs = judgedMs / 4;
  const rounds = Math.max(1, Math.round(quarterMs / (faults * 60_000)));
  return Math.max(leastMs, quarterMs / (rounds * faults));
}

/** The clock of `captured.monotonicMs`. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
