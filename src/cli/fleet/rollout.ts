import { setTimeout as wait } from 'node:timers/promises';
import { SideglanceError } from '../../errors.js';
import type { FleetConnection } from '../../fleet/connection.js';
import { type Driven, driveRollout } from '../../fleet/drive.js';
import type { Fleet } from '../../fleet/fleet.js';
import { followed, plannedRollout, readRolloutPayload } from '../../fleet/plan.js';
import { reportOn, type Settle } from '../../fleet/tally.js';
import { deviceName } from '../../model/bundle/target.js';
import { type RolloutMessage, rolloutTopic } from '../../publish/rollout-message.js';
import { INTERRUPTED, interruptible } from '../interrupt.js';
import { showProgress } from '../progress.js';
import { type AccessOptions, openFleet } from './access.js';
import { type SelectionOptions, selectionOf } from './status.js';

export interface RolloutOptions extends AccessOptions, SelectionOptions {
  readonly model?: string;
  readonly bundleVersion?: string;
  readonly sha256?: string;
  readonly file?: string;
  readonly keys?: string;
  readonly url?: string;
  readonly station: readonly string[];
  readonly at: string;
  /** Parts. */
  readonly shadow?: number;
  readonly waves: readonly number[];
  /** Milliseconds. */
  readonly wait: number;
  readonly settle: Settle;
  readonly maxFailures: number;
  readonly maxFailureShare: number;
  /** Milliseconds. */
  readonly spread: number;
  /** Milliseconds. */
  readonly lasts: number;
  readonly replace?: true;
  readonly resume?: true;
}

export interface ModelOptions extends AccessOptions {
  readonly model: string;
}

/** Of the devices that failed, so many are named. */
const MOST_NAMED = 20;
const LOOK_EVERY_MS = 200;

/** `fleet rollout` @returns the exit code */
export async function rollout(options: RolloutOptions): Promise<number> {
  const planned = options.resume ? null : await planOf(options);
  const model = planned?.model ?? options.model;
  if (model === undefined) throw new SideglanceError('SG_USAGE', 'say which rollout goes on: --model');
  return atRollout(options, model, async (connection, fleet, before) => {
    const first = planned === null ? resumed(before, options) : replacing(planned, before, options.replace === true);
    const from = planned === null ? first.devices.percent : 0;
    // The wave that was left is waited for once more.
    const waves = options.waves.filter((percent) => percent >= from);
    if (waves.length === 0) {
      throw new SideglanceError('SG_USAGE', `${first.id} is at ${from} % already: name further waves by --waves`);
    }
    const isThere = waves[0] === from || from === 0;
    const driven = await drive(options, connection, fleet, first, isThere ? waves : [from, ...waves]);
    return tell(driven);
  });
}

/** `fleet halt` */
export async function halt(options: ModelOptions): Promise<void> {
  await atRollout(options, options.model, async (connection, _fleet, before) => {
    const next = followed(needed(before, options.model), { state: 'halted' }, Date.now());
    await connection.retain(rolloutTopic(next.model), JSON.stringify(next));
    say(`${next.id} is halted at ${next.devices.percent} %: devices that have not made ${named(next)} active do not`);
    return 0;
  });
}

/** `fleet withdraw` @returns the exit code: 1 where devices have not gone back in time */
export async function withdraw(options: ModelOptions & { readonly wait: number }): Promise<number> {
  return atRollout(options, options.model, async (connection, fleet, before) => {
    const next = followed(needed(before, options.model), { state: 'withdrawn' }, Date.now());
    const using = () =>
      fleet
        .devices()
        .filter((one) => ['active', 'probation'].includes(reportOn(next.id, one)?.phase ?? ''))
        .map(({ device }) => deviceName(device));
    const had = using().length;
    await connection.retain(rolloutTopic(next.model), JSON.stringify(next));
    const giveUpAt = performance.now() + options.wait;
    while (using().length > 0 && performance.now() < giveUpAt) await wait(LOOK_EVERY_MS);
    const left = using();
    say(`${next.id} is withdrawn: ${had - left.length} of ${had} devices have gone back from ${named(next)}`);
    if (left.length > 0) say(`still to go back: ${someOf(left)}`);
    return left.length > 0 ? 1 : 0;
  });
}

async function planOf(options: RolloutOptions): Promise<RolloutMessage> {
  const { model, bundleVersion: version, url, station, at, shadow, spread, lasts } = options;
  if (url === undefined) throw new SideglanceError('SG_USAGE', 'say where devices fetch it from: --url');
  const wish = {
    ...options,
    model,
    version,
    url,
    devices: selectionOf(options),
    stations: station.length > 0 ? station : undefined,
    activate: { when: at, ...(shadow !== undefined && { shadow: { parts: shadow, minutes: 0 } }) },
    spreadSeconds: Math.round(spread / 1000),
    lastsMs: lasts,
  };
  return plannedRollout(wish, Date.now());
}

async function atRollout(
  options: AccessOptions,
  model: string,
  act: (connection: FleetConnection, fleet: Fleet, before: RolloutMessage | null) => Promise<number>,
): Promise<number> {
  const topic = rolloutTopic(model);
  let before: RolloutMessage | null = null;
  const { connection, fleet } = await openFleet(options, [topic], (where, payload) => {
    if (where === topic) before = readRolloutPayload(payload);
  });
  try {
    return await act(connection, fleet, before);
  } finally {
    await connection.close();
  }
}

function needed(before: RolloutMessage | null, model: string): RolloutMessage {
  if (before !== null) return before;
  throw new SideglanceError('SG_USAGE', `there is no rollout of ${model} at this broker`);
}

function resumed(before: RolloutMessage | null, { model = '', lasts }: RolloutOptions): RolloutMessage {
  const there = needed(before, model);
  if (there.state === 'withdrawn') {
    throw new SideglanceError(
      'SG_USAGE',
      `${there.id} was withdrawn: begin another rollout with a version that is mended`,
    );
  }
  return { ...there, expires: new Date(Date.now() + lasts).toISOString() };
}

function replacing(planned: RolloutMessage, before: RolloutMessage | null, mayReplace: boolean): RolloutMessage {
  const isThrough = before === null || before.state !== 'running' || before.devices.percent >= 100;
  if (!isThrough && !mayReplace) {
    const text = `${before.id} of ${named(before)} is at ${before.devices.percent} %: go on with --resume, \`sideglance fleet halt\`, or --replace it`;
    throw new SideglanceError('SG_USAGE', text);
  }
  // Devices follow what was written later.
  const issuedMs = Math.max(Date.parse(planned.issued), before === null ? 0 : Date.parse(before.issued) + 1);
  return { ...planned, issued: new Date(issuedMs).toISOString() };
}

function drive(
  options: RolloutOptions,
  connection: FleetConnection,
  fleet: Fleet,
  first: RolloutMessage,
  waves: readonly number[],
): Promise<Driven> {
  const { settle, wait: waitMs, maxFailures, maxFailureShare } = options;
  say(`${first.id}: ${named(first)} from ${first.url}`);
  return interruptible(async (signal) => {
    let progress = showProgress({ title: '', total: 0 });
    let shown = '';
    try {
      return await driveRollout({
        ...{ connection, fleet, rollout: first, waves, settle, waitMs, maxFailures, maxFailureShare, signal },
        onWave: ({ number, of, percent, awaited, away }) => {
          progress.stop();
          progress = showProgress({ title: `wave ${number} of ${of}, ${percent} %`, total: awaited });
          const absent = away > 0 ? `, ${away} more are away and take it when they come` : '';
          progress.say(`wave ${number} of ${of}, ${percent} %: ${awaited} devices${absent}`);
        },
        onProgress: ({ settled, underWay, failed }) => {
          const note = `${underWay.length} under way, ${failed.length} failed`;
          if (shown === `${settled.length} ${note}`) return;
          shown = `${settled.length} ${note}`;
          progress.update(settled.length, note);
        },
      });
    } finally {
      progress.stop();
    }
  });
}

/** @returns the exit code */
function tell({ outcome, rollout: last, tally, late }: Driven): number {
  const { settled, failed, concerned, online } = tally;
  const where = `${last.id} at ${last.devices.percent} %`;
  for (const { device, reason } of failed.slice(0, MOST_NAMED)) say(`failed: ${device}: ${reason}`);
  if (failed.length > MOST_NAMED) say(`and ${failed.length - MOST_NAMED} more: \`sideglance fleet status\``);
  if (late.length > 0) say(`not there in time: ${someOf(late)}`);
  switch (outcome) {
    case 'complete':
      say(
        `${where}: ${settled.length} of ${concerned.length} devices run ${named(last)}, ${concerned.length - online.length} are away`,
      );
      return 0;
    case 'halted':
      throw new SideglanceError(
        'SG_ROLLOUT_FAILED',
        `${where} is halted: ${failed.length} devices failed, ${late.length} were not there in time, ${settled.length} run it. ` +
          `\`sideglance fleet withdraw --model ${last.model}\` takes it back, \`rollout --model ${last.model} --resume\` goes on`,
      );
    case 'overtaken':
      throw new SideglanceError(
        'SG_ROLLOUT_FAILED',
        `somebody else has changed the rollout: it is ${where}, ${last.state}`,
      );
    case 'interrupted':
      say(
        `${where} goes on at the devices that take part by now. \`sideglance fleet rollout --model ${last.model} --resume\` goes on with the waves, \`sideglance fleet halt --model ${last.model}\` stops it`,
      );
      return INTERRUPTED;
  }
}

function someOf(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return `${names.slice(0, MOST_NAMED).join(', ')}${more}`;
}

function named({ model, version }: RolloutMessage): string {
  return `${model}@${version}`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
