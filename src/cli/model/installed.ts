import { SideglanceError } from '../../errors.js';
import { openSource } from '../../model/bundle/source.js';
import { ALL_STATIONS, type ModelState } from '../../model/store/state.js';
import {
  activated,
  barred,
  confirmed,
  isBarred,
  rolledBack,
  slotOf,
  unbarred,
  uninstalled,
} from '../../model/store/transitions.js';
import { proveInstalled } from '../../updates/prove-installed.js';
import { type DeviceModels, deviceModels } from './device.js';

export interface DeviceOptions {
  readonly config: string;
}

export interface InstallOptions extends DeviceOptions {
  readonly station?: string;
  /** commander's form of `--no-activate`. */
  readonly activate: boolean;
  readonly json?: true;
}

export interface RollbackOptions extends DeviceOptions {
  readonly station?: string;
  readonly to?: string;
  readonly reason: string;
  /** commander's form of `--no-bar`. */
  readonly bar: boolean;
}

/** `model install`: verified, staged, proven in a process of its own for each station that runs it, and made active. */
export async function install(path: string, options: InstallOptions): Promise<void> {
  const { station, activate, json } = options;
  const device = deviceModels(options.config);
  checkStation(device, station);
  const source = await openSource(path);
  const { store, target, nowMs } = device;
  const installed = await store
    .install(source, {
      target,
      nowMs,
      onWaiting: () => process.stderr.write('waiting for another installation to end …\n'),
    })
    .finally(() => source.close());
  const { id, version, digest, folder, alreadyThere } = installed;
  try {
    await proveInstalled(device.config, { id, folder, ...(station && { station }) });
  } catch (thrown) {
    if (!alreadyThere) await store.change(id, (state) => uninstalled(state, digest));
    throw thrown;
  }
  const { probationMinutes, confirm } = device.config.models;
  const active = activate
    ? await store.change(id, (state) => {
        // The first model has none that one could go back to.
        const probation = probationMinutes > 0 && slotOf(state, station ?? ALL_STATIONS) !== null;
        return activated(state, digest, { ...(station && { station }), probation });
      })
    : null;
  const onProbation = active !== null && slotOf(active, station ?? ALL_STATIONS)?.probation === true;
  if (json) say(JSON.stringify({ id, version, digest, folder, alreadyThere, active: active !== null }));
  else {
    say(`${id}@${version} ${alreadyThere ? 'was there already' : 'is installed'}: ${folder}`);
    say(
      active === null
        ? 'it is not active'
        : `it is active: stations with \`model: store:${id}\` take it between two parts`,
    );
    if (onProbation) {
      const ends =
        confirm === 'required' ? ` if nobody runs \`sideglance model confirm ${id}\`` : ', unless it goes well';
      say(`it is on probation: after ${probationMinutes} minutes the one before is active again${ends}`);
    }
  }
}

/** `model list` */
export async function list({ config, json }: DeviceOptions & { readonly json?: true }): Promise<void> {
  const states = await deviceModels(config).store.list();
  if (json) say(JSON.stringify(states, null, 2));
  else say(states.length === 0 ? 'nothing is installed' : states.map(stateText).join('\n'));
}

/** `model rollback`: back to the last good one; what was active is barred. */
export async function rollback(id: string, { config, station, to, reason, bar }: RollbackOptions): Promise<void> {
  const device = deviceModels(config);
  checkStation(device, station);
  const at = new Date().toISOString();
  let left = '';
  const state = await device.store.change(id, (before) => {
    const slot = station === undefined ? ALL_STATIONS : station;
    const active = (before.slots[slot] ?? before.slots[ALL_STATIONS])?.active ?? '';
    const target = to === undefined ? {} : { to: byVersion(before, to) };
    const after = rolledBack(before, { ...(station && { station }), ...target });
    left = versionOf(before, active);
    // One that another station still runs cannot be barred.
    const isUsed = Object.values(after.slots).some((one) => one.active === active);
    return bar && !isUsed ? barred(after, { digest: active, version: left, reason, at }) : after;
  });
  const now = state.slots[station ?? ALL_STATIONS]?.active ?? '';
  const barredNow = state.barred.some((one) => one.at === at);
  say(
    `${id}@${versionOf(state, now)} is active again instead of ${left}${barredNow ? `, which is barred: ${reason}` : ''}; stations take it between two parts`,
  );
}

/** `model confirm`: the active version has proved itself. */
export async function confirm(
  id: string,
  { config, station }: DeviceOptions & { readonly station?: string },
): Promise<void> {
  const device = deviceModels(config);
  checkStation(device, station);
  const state = await device.store.change(id, (before) => confirmed(before, { ...(station && { station }) }));
  const good = slotOf(state, station ?? ALL_STATIONS)?.active ?? '';
  say(`${id}@${versionOf(state, good)} is the last good version from now on`);
}

/** `model unbar` */
export async function unbar(name: string, { config }: DeviceOptions): Promise<void> {
  const [, id, version] = /^(.+)@(.+)$/.exec(name) ?? [];
  if (id === undefined || version === undefined)
    throw new SideglanceError('SG_USAGE', `name a bundle as <id>@<version>, not ${name}`);
  await deviceModels(config).store.change(id, (state) => {
    const found = state.barred.filter((one) => one.version === version);
    if (found.length === 0) throw new SideglanceError('SG_STORE', `${name} is not barred`);
    return found.reduce((next, { digest }) => unbarred(next, digest), state);
  });
  say(`${name} may be used again`);
}

function checkStation({ config }: DeviceModels, station: string | undefined): void {
  if (station === undefined || config.stations.some(({ name }) => name === station)) return;
  throw new SideglanceError(
    'SG_USAGE',
    `there is no station ${station}, only ${config.stations.map(({ name }) => name).join(', ')}`,
  );
}

function stateText(state: ModelState): string {
  const users = (digest: string) =>
    Object.entries(state.slots).flatMap(([slot, { active, lastGood, probation }]) => {
      const whose = slot === ALL_STATIONS ? '' : ` on ${slot}`;
      if (active === digest) return [`active${whose}${probation ? ' on probation' : ''}`];
      return lastGood === digest ? [`last good${whose}`] : [];
    });
  const lines = state.installed.map(({ version, digest, at, signers }) => {
    const notes = [...users(digest), ...(isBarred(state, digest) ? ['barred'] : [])];
    return `  ${version}  ${digest.slice(0, 12)}…  ${at}  signed by ${signers.join(', ')}${notes.length > 0 ? `  ${notes.join(', ')}` : ''}`;
  });
  const bars = state.barred.map(({ version, reason, at }) => `  barred: ${version} on ${at}: ${reason}`);
  return [`${state.id}, newer than ${state.lowest?.version ?? 'nothing'} from now on`, ...lines, ...bars].join('\n');
}

/** The newest of this version. */
function byVersion(state: ModelState, version: string): string {
  const found = state.installed.filter((one) => one.version === version).at(-1);
  if (found !== undefined) return found.digest;
  throw new SideglanceError(
    'SG_STORE',
    `${state.id}@${version} is not installed. There are ${state.installed.map((one) => one.version).join(', ')}`,
  );
}

function versionOf(state: ModelState, digest: string): string {
  return state.installed.find((one) => one.digest === digest)?.version ?? '';
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
