import { spawnSync } from 'node:child_process';

/** Where the device is, seen from the broker. */
export interface Network {
  /** The address under which the device finds the wire to the broker. */
  readonly host: string;
  /** A command that runs another one there. */
  readonly prefix: readonly string[];
  /** Takes the cable out, or puts it in again: packets vanish, and no connection is told. */
  setCable(isIn: boolean): void;
  close(): void;
}

/** A network of their own for each process that measures. */
const SUBNET = `10.231.${process.pid % 256}`;
const HOST = `${SUBNET}.1`;
const DEVICE = `${SUBNET}.2`;

/**
 * A network namespace of its own with a cable to this one, where that may be made (root). Null otherwise.
 */
export function makeNetwork(): Network | null {
  const name = `sideglance-${process.pid}`;
  const [near, far] = [`sg${process.pid}a`, `sg${process.pid}b`];
  const ip = (...args: string[]) => spawnSync('ip', args, { stdio: 'ignore' }).status === 0;
  const close = () => {
    ip('link', 'delete', near);
    ip('netns', 'delete', name);
  };
  const isMade =
    ip('netns', 'add', name) &&
    ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name) &&
    ip('address', 'add', `${HOST}/30`, 'dev', near) &&
    ip('link', 'set', near, 'up') &&
    ip('-n', name, 'address', 'add', `${DEVICE}/30`, 'dev', far) &&
    ip('-n', name, 'link', 'set', far, 'up') &&
    ip('-n', name, 'link', 'set', 'lo', 'up');
  if (!isMade) {
    close();
    return null;
  }
  return {
    host: HOST,
    prefix: ['ip', 'netns', 'exec', name],
    setCable: (isIn) => void ip('link', 'set', near, isIn ? 'up' : 'down'),
    close,
  };
}
