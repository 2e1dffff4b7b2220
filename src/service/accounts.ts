import type { SessionState } from '../publish/session.js';
import type { StationSnapshot } from '../supervision/reports.js';

/**
 * What the agent can account for, put into words. A station is accounted for when it has proven that it works, or when it is known,
 * and published, why it does not: a missing camera or broker is a state, not a fault of this process.
 */

export interface Accounts {
  readonly stations: readonly StationSnapshot[];
  readonly broker: SessionState;
}

/** What has to happen before the service is ready; empty when nothing is left. */
export function waitedFor({ stations, broker }: Accounts): string[] {
  const waits = stations.flatMap((station) => {
    const what = waitedForAt(station);
    return what === null ? [] : [`${station.name} ${what}`];
  });
  const isAnswered = broker.state === 'online' || broker.state === 'offline';
  return isAnswered ? waits : [...waits, 'the broker answers'];
}

function waitedForAt({ state, building, proven, camera }: StationSnapshot): string | null {
  if (state === 'starting' && building === null) return 'loads its model';
  if (state !== 'running' || proven !== null) return null;
  const isKnown = camera.state === 'silent' || camera.state === 'lost' || camera.state === 'ended';
  return isKnown ? null : 'scores its first frame';
}

/**
 * Stations at which something is overdue for longer than `graceMs`. Whatever a station does is bounded: when it takes too long the
 * agent ends the process and starts another. So there are some only when the agent could not do that, and the service
 * manager has to.
 */
export function stuck({ stations }: Pick<Accounts, 'stations'>, graceMs: number): string[] {
  return stations.filter(({ overdueMs }) => overdueMs > graceMs).map(({ name }) => name);
}

/** One line about everything, as `systemctl status` shows it: what is wrong comes first. */
export function statusLine(accounts: Accounts, stuckStations: readonly string[]): string {
  if (stuckStations.length > 0) {
    return `stuck: the process of ${stuckStations.join(', ')} can neither go on nor be ended; waiting to be restarted`;
  }
  const waits = waitedFor(accounts);
  if (waits.length > 0) return `starting: waiting until ${waits.join(', ')}`;
  const told = accounts.stations.map((station) => ({ isWell: isWell(station), text: stationText(station) }));
  const brokerWell = accounts.broker.state === 'online';
  const parts = [...told, { isWell: brokerWell, text: brokerText(accounts.broker) }];
  return [...parts.filter(({ isWell }) => !isWell), ...parts.filter(({ isWell }) => isWell)]
    .map(({ text }) => text)
    .join('; ');
}

function isWell({ state, camera }: StationSnapshot): boolean {
  return state === 'running' && camera.state !== 'lost' && camera.state !== 'silent';
}

function stationText({ name, state, reason, camera, parts }: StationSnapshot): string {
  if (state !== 'running') return `${name} ${because(state, reason)}`;
  const { pass, fail, invalid } = parts;
  const counts = `${pass} pass, ${fail} fail, ${invalid} invalid`;
  return camera.state === 'running' || camera.state === null
    ? `${name} inspecting (${counts})`
    : `${name} camera ${because(camera.state, camera.reason)} (${counts})`;
}

function brokerText(broker: SessionState): string {
  return `broker ${because(broker.state, broker.state === 'offline' ? broker.reason : null)}`;
}

function because(what: string, reason: string | null): string {
  return reason === null ? what : `${what} (${reason})`;
}
