import { SideglanceError } from '../../errors.js';
import { checkPermission } from '../bundle/permission.js';
import { checkTarget, type Target } from '../bundle/target.js';
import type { VerifiedBundle } from '../bundle/verify.js';
import { modelName } from '../manifest.js';
import type { KeySet } from '../signing/threshold.js';
import { compareVersions } from '../version.js';
import type { ModelState } from './state.js';

/** What was announced. */
export interface ExpectedBundle {
  readonly id: string;
  readonly version: string;
}

export interface AdmissionOptions {
  readonly expected?: ExpectedBundle;
  readonly keys: KeySet;
  readonly target: Target;
  /** Milliseconds since 1970; null while nobody vouches for the clock. */
  readonly nowMs: number | null;
}

/** Clocks of signing computers and devices may differ by so much. */
const CLOCK_TOLERANCE_MS = 24 * 60 * 60 * 1000;

/**
 * Whether a verified bundle may be installed here and now. Nothing was unpacked by then.
 *
 * @throws SideglanceError `SG_BUNDLE_UNEXPECTED`, `SG_BUNDLE_DEVICE`, `SG_BUNDLE_STATION`, `SG_BUNDLE_REGION`, `SG_BUNDLE_BARRED`,
 * `SG_BUNDLE_CLOCK_UNSET`, `SG_BUNDLE_EXPIRED`, `SG_BUNDLE_DOWNGRADE`, `SG_BUNDLE_PERMISSION`
 */
export function admit(
  bundle: VerifiedBundle,
  state: ModelState,
  { keys, target, nowMs, expected }: AdmissionOptions,
  where: string,
): void {
  const { manifest, digest, head } = bundle;
  const name = modelName(manifest);
  if (expected !== undefined && (expected.id !== manifest.id || expected.version !== manifest.version)) {
    throw new SideglanceError(
      'SG_BUNDLE_UNEXPECTED',
      `${where} is ${name}, but ${modelName(expected)} was announced. Announce what is there, or put the other one there`,
    );
  }
  checkTarget(manifest, target);
  const bar = state.barred.find((one) => one.digest === digest);
  if (bar !== undefined) {
    throw new SideglanceError(
      'SG_BUNDLE_BARRED',
      `${name} was barred here on ${bar.at}: ${bar.reason}. Install a newer version, or: \`sideglance model unbar ${name}\``,
    );
  }
  const now = knownTime(nowMs, [manifest.created, state.latest]);
  if (manifest.expires !== undefined && Date.parse(manifest.expires) <= now) {
    throw new SideglanceError(
      'SG_BUNDLE_EXPIRED',
      `${name} expired at ${manifest.expires}. Sign it again with a later date`,
    );
  }
  const { lowest } = state;
  if (lowest === null || digest === lowest.digest || compareVersions(manifest.version, lowest.version) > 0) return;
  if (head.permission !== null) {
    checkPermission(head.permission, { digest, device: target.device, nowMs: now, keys }, where);
    return;
  }
  throw new SideglanceError(
    'SG_BUNDLE_DOWNGRADE',
    `${name} is not newer than ${manifest.id}@${lowest.version}, which was installed before. Give it a higher version, or permit the downgrade with \`sideglance model permit\``,
  );
}

/** A clock that nobody vouches for, or that shows less than what is known to have passed, says nothing about expiry. */
function knownTime(nowMs: number | null, past: readonly (string | null)[]): number {
  if (nowMs === null) {
    throw new SideglanceError(
      'SG_BUNDLE_CLOCK_UNSET',
      'the clock of this device is not synchronised, so that nobody knows whether a bundle has expired. Wait for the time service, or set `models.trustClock` where the clock is right without one',
    );
  }
  const earliest = Math.max(...past.map((at) => (at === null ? 0 : Date.parse(at))));
  if (nowMs >= earliest - CLOCK_TOLERANCE_MS) return nowMs;
  throw new SideglanceError(
    'SG_BUNDLE_CLOCK_UNSET',
    `the clock of this device says ${new Date(nowMs).toISOString()}, which is before ${new Date(earliest).toISOString()}, when the bundle or the one before was made. Set the clock`,
  );
}
