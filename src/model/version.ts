import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../paths.js';

/** Semantic Versioning 2.0.0, without build metadata. */
export const VERSION_PATTERN = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** The version of this sideglance, from its package.json. */
export const AGENT_VERSION: string = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')).version;

/** The next patch; a pre-release stays one. @throws RangeError for texts that are no versions */
export function nextVersion(version: string): string {
  const { numbers, preRelease } = parse(version);
  const [major, minor, patch] = numbers;
  return `${major}.${minor}.${(patch as number) + 1}${preRelease.length > 0 ? `-${preRelease.join('.')}` : ''}`;
}

/** Negative when `a` comes before `b`. @throws RangeError for texts that are no versions */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)];
  for (let i = 0; i < 3; i++) {
    const difference = left.numbers[i]! - right.numbers[i]!;
    if (difference !== 0) return difference;
  }
  return comparePreReleases(left.preRelease, right.preRelease);
}

/** semver.org 11.3 and 11.4: a pre-release comes before its release; identifiers are compared one by one. */
function comparePreReleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [x, y] = [a[i], b[i]];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    if (x === y) continue;
    const [xIsNumber, yIsNumber] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (xIsNumber && yIsNumber) return Number(x) - Number(y);
    if (xIsNumber !== yIsNumber) return xIsNumber ? -1 : 1;
    return x < y ? -1 : 1;
  }
  return 0;
}

function parse(version: string): { numbers: number[]; preRelease: string[] } {
  const found = VERSION_PATTERN.exec(version);
  if (!found) throw new RangeError(`${version} is not a version such as 1.4.0`);
  return { numbers: [found[1], found[2], found[3]].map(Number), preRelease: found[4]?.split('.') ?? [] };
}
