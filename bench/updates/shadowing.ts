import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MeasuredDaemon } from '../../src/benchmark/measured-daemon.js';
import { activated, planned } from '../../src/model/store/transitions.js';
import type { HealthMessage, InspectionMessage } from '../../src/publish/messages.js';
import { childrenOf, rssOf } from '../support/daemon.js';
import { quantileOf } from '../support/statistics.js';
import { ID, meanSkipped, type PartCounts, partCounts, storedLine, totalMs } from './stored-line.js';

const LIMITS = { withinMs: 120_000, lookEveryMs: 20 } as const;

export interface Shadowing extends PartCounts {
  /** From capture to verdict: without a shadow, and while one looks at the same parts. */
  readonly medianMs: { readonly without: number; readonly beside: number };
  readonly p99Ms: { readonly without: number; readonly beside: number };
  readonly skippedPerPart: { readonly without: number; readonly beside: number };
  /** Parts that the shadow looked at, and those that came while it was busy. */
  readonly compared: number;
  readonly unseen: number;
  readonly rssMb: { readonly without: number; readonly beside: number };
}

/** What a shadow costs the model in use: the same model beside itself, at the same parts. */
export async function measureShadowing(parts: number, partsPerSecond: number): Promise<Shadowing> {
  const home = await mkdtemp(join(tmpdir(), 'sideglance-shadowing-'));
  try {
    return await measure(home, parts, partsPerSecond);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function measure(home: string, parts: number, partsPerSecond: number): Promise<Shadowing> {
  const { config, store, install } = await storedLine(home, partsPerSecond);
  const first = await install('1.0.0');
  await store.change(ID, (state) => activated(state, first));
  const seen: InspectionMessage[] = [];
  let health: HealthMessage | null = null as HealthMessage | null;
  const daemon = await MeasuredDaemon.start(config, {
    onInspection: (message) => void seen.push(message),
    onHealth: (message) => {
      health = message;
    },
  });
  try {
    const until = async (holds: () => boolean, what: string) => {
      const end = Date.now() + LIMITS.withinMs + (1000 * parts) / partsPerSecond;
      while (!holds()) {
        if (Date.now() > end) throw new Error(`waited in vain for ${what}: ${daemon.lastErrors}`);
        await new Promise((done) => setTimeout(done, LIMITS.lookEveryMs));
      }
    };
    const rssMb = () => {
      const pids = [daemon.pid, ...childrenOf(daemon.pid)];
      return Math.round(pids.reduce((sum, pid) => sum + (rssOf(pid) ?? 0), 0) / 2 ** 20);
    };
    await until(() => seen.length >= partsPerSecond + parts, 'the parts before');
    const without = seen.slice(partsPerSecond);
    const rssWithout = rssMb();
    const digest = await install('2.0.0');
    const plan = { digest, when: 'command' as const, shadow: { parts: 1_000_000, minutes: 0 }, since: now() };
    await store.change(ID, (state) => planned(state, plan));
    const shadow = () => health?.stations[0]?.shadow ?? null;
    await until(() => (shadow()?.compared ?? 0) > 0, 'the shadow');
    const from = seen.length;
    await until(() => seen.length >= from + parts, 'the parts beside it');
    const beside = seen.slice(from);
    const { compared, unseen } = shadow() ?? { compared: 0, unseen: 0 };
    const both = (figure: (of: readonly InspectionMessage[]) => number) => ({
      without: figure(without),
      beside: figure(beside),
    });
    return {
      ...partCounts(seen),
      medianMs: both((of) => quantileOf(of.map(totalMs), 0.5)),
      p99Ms: both((of) => quantileOf(of.map(totalMs), 0.99)),
      skippedPerPart: both(meanSkipped),
      compared,
      unseen,
      rssMb: { without: rssWithout, beside: rssMb() },
    };
  } finally {
    await daemon.stop();
  }
}

function now(): string {
  return new Date().toISOString();
}
