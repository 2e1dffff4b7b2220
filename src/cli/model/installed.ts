import { loadConfig } from '../../config/load.js';
import { SideglanceError } from '../../errors.js';
import { openSource } from '../../model/bundle/source.js';
import { ALL_STATIONS, type ModelState, type Plan } from '../../model/store/state.js';
import { confirmed, isBarred, slotOf, unbarred, unplanned } from '../../model/store/transitions.js';
import { type DeviceModels, deviceModels } from '../../updates/device-models.js';
import {
  type Activation,
  activateInstalled,
  byVersion,
  checkStations,
  installBundle,
  rollBack,
  versionOf,
} from '../../updates/install.js';
import { planOf } from '../../updates/take-over.js';

export interface DeviceOptions {
  readonly config: string;
}

export interface ActivateOptions extends DeviceOptions {
  readonly station?: string;
  /** See `When`. */
  readonly at?: string;
  /** Parts. */
  readonly shadow?: number;
}

export interface InstallOptions extends ActivateOptions {
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

/** `model install`: see `installBundle`. */
export async function install(path: string, options: InstallOptions): Promise<void> {
  const { activate: isToBeActive, json } = options;
  const device = deviceModels(loadConfig(options.config));
  const source = await openSource(path);
  const { id, version, digest, folder, alreadyThere, isActive, isOnProbation, plan } = await installBundle(
    device,
    source,
    {
      activate: isToBeActive ? activationOf(device, options) : null,
      onWaiting: () => process.stderr.write('waiting for another installation to end …\n'),
    },
  ).finally(() => source.close());
  if (json) return say(JSON.stringify({ id, version, digest, folder, alreadyThere, active: isActive, plan }));
  const { probationMinutes, confirm: confirmation } = device.config.models;
  say(`${id}@${version} ${alreadyThere ? 'was there already' : 'is installed'}: ${folder}`);
  if (plan === null) say(isActive ? activeText(id) : 'it is not active');
  else say(`it is planned to take over ${planText(plan)}; \`sideglance model cancel ${id}\` takes that back`);
  if (!isOnProbation) return;
  const ends =
    confirmation === 'required' ? ` if nobody runs \`sideglance model confirm ${id}\`` : ', unless it goes well';
  say(`it is on probation: after ${probationMinutes} minutes the one before is active again${ends}`);
}

/** `model activate`: a version that is installed, see `activateInstalled`. */
export async function activate(name: string, options: ActivateOptions): Promise<void> {
  const device = deviceModels(loadConfig(options.config));
  const { id, version } = bundleName(name);
  const state = await activateInstalled(device, { id, version }, activationOf(device, options));
  const { digest } = byVersion(state, version);
  const plan = planOf(state, options.station ?? ALL_STATIONS, digest);
  say(plan === null ? `${name}: ${activeText(id)}` : `${name} is planned to take over ${planText(plan)}`);
}

/** `model cancel` */
export async function cancel(
  id: string,
  { config, station = ALL_STATIONS }: DeviceOptions & { readonly station?: string },
): Promise<void> {
  let plan: Plan | undefined;
  const state = await deviceModels(loadConfig(config)).store.change(id, (before) => {
    plan = before.plans[station];
    if (plan === undefined) throw new SideglanceError('SG_STORE', `nothing of ${id} is planned${onStation(station)}`);
    return unplanned(before, { station });
  });
  say(`${id}@${versionOf(state, plan?.digest ?? '')} does not take over${onStation(station)}; it stays installed`);
}

/** `model list` */
export async function list({ config, json }: DeviceOptions & { readonly json?: true }): Promise<void> {
  const states = await deviceModels(loadConfig(config)).store.list();
  if (json) say(JSON.stringify(states, null, 2));
  else say(states.length === 0 ? 'nothing is installed' : states.map(stateText).join('\n'));
}

/** `model rollback`: back to the last good one; what was active is barred. */
export async function rollback(id: string, { config, station, to, reason, bar }: RollbackOptions): Promise<void> {
  const device = deviceModels(loadConfig(config));
  const { version, left, barred } = await rollBack(device, id, {
    ...(station !== undefined && { stations: [station] }),
    ...(to !== undefined && { to }),
    reason,
    bar,
  });
  const fate = barred.length > 0 ? `, which is barred: ${reason}` : '';
  say(`${id}@${version} is active again instead of ${left.join(', ')}${fate}; stations take it between two parts`);
}

/** `model confirm`: the active version has proved itself. */
export async function confirm(
  id: string,
  { config, station }: DeviceOptions & { readonly station?: string },
): Promise<void> {
  const device = deviceModels(loadConfig(config));
  checkStations(device, station === undefined ? undefined : [station]);
  const state = await device.store.change(id, (before) => confirmed(before, { ...(station && { station }) }));
  const good = slotOf(state, station ?? ALL_STATIONS)?.active ?? '';
  say(`${id}@${versionOf(state, good)} is the last good version from now on`);
}

/** `model unbar` */
export async function unbar(name: string, { config }: DeviceOptions): Promise<void> {
  const { id, version } = bundleName(name);
  await deviceModels(loadConfig(config)).store.change(id, (state) => {
    const found = state.barred.filter((one) => one.version === version);
    if (found.length === 0) throw new SideglanceError('SG_STORE', `${name} is not barred`);
    return found.reduce((next, { digest }) => unbarred(next, digest), state);
  });
  say(`${name} may be used again`);
}

function bundleName(name: string): { readonly id: string; readonly version: string } {
  const [, id, version] = /^(.+)@(.+)$/.exec(name) ?? [];
  if (id !== undefined && version !== undefined) return { id, version };
  throw new SideglanceError('SG_USAGE', `name a bundle as <id>@<version>, not ${name}`);
}

function activationOf({ config }: DeviceModels, { station, at, shadow }: ActivateOptions): Activation {
  return {
    ...(station !== undefined && { stations: [station] }),
    ...(at !== undefined && { when: at }),
    ...(shadow !== undefined && {
      shadow: { parts: shadow, minutes: shadow === 0 ? 0 : config.models.shadow.minutes },
    }),
  };
}

function activeText(id: string): string {
  return `it is active: stations with \`model: store:${id}\` take it between two parts`;
}

/** As the end of "it takes over …". */
function planText({ when, shadow }: Plan): string {
  const moments: Readonly<Record<string, string>> = {
    now: 'at once',
    idle: 'when no part comes',
    command: 'when somebody makes it active',
  };
  const counts = [
    ...(shadow !== null && shadow.parts > 0 ? [`${shadow.parts} parts`] : []),
    ...(shadow !== null && shadow.minutes > 0 ? [`${shadow.minutes} minutes`] : []),
  ];
  const moment = moments[when] ?? `at ${when}`;
  return counts.length === 0 ? moment : `${moment}, after ${counts.join(' or ')} beside the one in use`;
}

function onStation(station: string): string {
  return station === ALL_STATIONS ? '' : ` on ${station}`;
}

function stateText(state: ModelState): string {
  const users = (digest: string) =>
    Object.entries(state.slots).flatMap(([slot, { active, lastGood, probation }]) => {
      const whose = onStation(slot);
      if (active === digest) return [`active${whose}${probation ? ' on probation' : ''}`];
      return lastGood === digest ? [`last good${whose}`] : [];
    });
  const plans = (digest: string) =>
    Object.entries(state.plans)
      .filter(([, plan]) => plan.digest === digest)
      .map(([slot, plan]) => `takes over${onStation(slot)} ${planText(plan)}`);
  const lines = state.installed.map(({ version, digest, at, signers }) => {
    const notes = [...users(digest), ...plans(digest), ...(isBarred(state, digest) ? ['barred'] : [])];
    return `  ${version}  ${digest.slice(0, 12)}…  ${at}  signed by ${signers.join(', ')}${notes.length > 0 ? `  ${notes.join(', ')}` : ''}`;
  });
  const bars = state.barred.map(({ version, reason, at }) => `  barred: ${version} on ${at}: ${reason}`);
  return [`${state.id}, newer than ${state.lowest?.version ?? 'nothing'} from now on`, ...lines, ...bars].join('\n');
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
