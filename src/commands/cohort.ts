import { createHash } from 'node:crypto';
import { matchesDevice, matchesName } from '../model/bundle/target.js';
import type { DeviceIdentity } from '../publish/messages.js';
import type { RolloutMessage } from '../publish/rollout-message.js';

const WHOLE = 2 ** 32;

/** Where a device stands in a rollout: the same for all time, whoever asks, and evenly spread over devices. */
export interface Lot {
  /** From 0 to 100, 100 excluded: it takes part in a percentage above it. */
  readonly share: number;
  /** From 0 to 1, 1 excluded: when it begins, of the time over which the beginnings are spread. Independent of the share. */
  readonly delay: number;
}

/** By SHA-256 of `<rollout id> <site>/<line>/<name>`; an id has no blank. */
export function lotOf(rollout: string, { site, line, name }: DeviceIdentity): Lot {
  const digest = createHash('sha256').update(`${rollout} ${site}/${line}/${name}`).digest();
  return { share: (digest.readUInt32BE(0) / WHOLE) * 100, delay: digest.readUInt32BE(4) / WHOLE };
}

/** Whether it is one of those that the rollout is for, whatever the percentage. */
export function fits({ sites, lines, devices }: RolloutMessage['devices'], device: DeviceIdentity): boolean {
  const some = (patterns: readonly string[] | undefined, isIt: (pattern: string) => boolean) =>
    patterns?.some(isIt) ?? true;
  return (
    some(sites, (pattern) => matchesName(pattern, device.site)) &&
    some(lines, (pattern) => matchesName(pattern, device.line)) &&
    some(devices, (pattern) => matchesDevice(pattern, device))
  );
}

/** Whether a device takes part. */
export function takesPart({ id, devices }: Pick<RolloutMessage, 'id' | 'devices'>, device: DeviceIdentity): boolean {
  return fits(devices, device) && lotOf(id, device).share < devices.percent;
}
