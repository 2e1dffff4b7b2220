import { loadConfig } from '../../config/load.js';
import { SideglanceError } from '../../errors.js';
import { openSource } from '../../model/bundle/source.js';
import { ALL_STATIONS, type ModelState } from '../../model/store/state.js';
import { confirmed, isBarred, slotOf, unbarred } from '../../model/store/transitions.js';
import { deviceModels } from '../../updates/device-models.js';
import { checkStations, installBundle, rollBack, versionOf } from '../../updates/install.js';

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

/** `model install`: see `installBundle`. */
export async function install(path: string, options: InstallOptions): Promise<void> {
  const { station, activate, json } = options;
  const device = deviceModels(loadConfig(options.config));
  const source = await openSource(path);
  const { id, version, digest, folder, alreadyThere, isActive, isOnProbation } = await installBundle(device, source, {
    activate: activate ? (station === undefined ? {} : { stations: [station] }) : null,
    onWaiting: () => process.stderr.write('waiting for another installation to end …\n'),
  }).finally(() => source.close());
  if (json) return say(JSON.stringify({ id, version, digest, folder, alreadyThere, active: isActive }));
  const { probationMinutes, confirm: confirmation } = device.config.models;
  say(`${id}@${version} ${alreadyThere ? 'was there already' : 'is installed'}: ${folder}`);
  say(isActive ? `it is active: stations with \`model: store:${id}\` take it between two parts` : 'it is not active');
  if (!isOnProbation) return;
  const ends =
    confirmation === 'required' ? ` if nobody runs \`sideglance model confirm ${id}\`` : ', unless it goes well';
  say(`it is on probation: after ${probationMinutes} minutes the one before is active again${ends}`);
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
  const [, id, version] = /^(.+)@(.+)$/.exec(name) ?? [];
  if (id === undefined || version === undefined)
    throw new SideglanceError('SG_USAGE', `name a bundle as <id>@<version>, not ${name}`);
  await deviceModels(loadConfig(config)).store.change(id, (state) => {
    const found = state.barred.filter((one) => one.version === version);
    if (found.length === 0) throw new SideglanceError('SG_STORE', `${name} is not barred`);
    return found.reduce((next, { digest }) => unbarred(next, digest), state);
  });
  say(`${name} may be used again`);
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

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
