import { z } from 'zod';
import { reasonOf, SideglanceError } from '../../errors.js';
import { checkSignatures, type KeySet } from '../signing/threshold.js';
import type { SignedFile } from './source.js';
import { type Device, matchesDevice } from './target.js';

/**
 * `downgrade.json`: says that one bundle may be installed although a newer one was before. Signed like a manifest, by as many
 * keys; it holds for exactly this bundle, for some devices and for some time, so that nobody can use it again later.
 */

export const PERMISSION_FILE = 'downgrade.json';
export const PERMISSION_FORMAT = 'sideglance-downgrade/1';
export const PERMISSION_LIMITS = { maxBytes: 64 * 1024 } as const;

const PermissionSchema = z.strictObject({
  format: z.literal(PERMISSION_FORMAT),
  /** SHA-256 of the bundle's manifest.json. */
  manifest: z.string().regex(/^[0-9a-f]{64}$/),
  /** As in a manifest. */
  devices: z.array(z.string().max(400)).min(1).max(1000),
  expires: z.iso.datetime(),
});

export type Permission = z.infer<typeof PermissionSchema>;

/** The text of the file. */
export function permissionFile(permission: Omit<Permission, 'format'>): string {
  return `${JSON.stringify({ format: PERMISSION_FORMAT, ...permission }, null, 2)}\n`;
}

/**
 * Whether a permission holds for a bundle, here and now.
 * @param digest SHA-256 of its manifest
 * @throws SideglanceError `SG_BUNDLE_PERMISSION` saying why not; as `checkSignatures`
 */
export function checkPermission(
  { bytes, signatures }: SignedFile,
  {
    digest,
    device,
    nowMs,
    keys,
  }: { readonly digest: string; readonly device: Device; readonly nowMs: number; readonly keys: KeySet },
  where: string,
): void {
  const file = `${PERMISSION_FILE} of ${where}`;
  checkSignatures(bytes, signatures, keys, file);
  const { manifest, devices, expires } = parse(bytes, file);
  const why =
    manifest !== digest
      ? 'is for another bundle'
      : !devices.some((pattern) => matchesDevice(pattern, device))
        ? `is for ${devices.join(', ')}, not for this device`
        : Date.parse(expires) <= nowMs
          ? `expired at ${expires}`
          : null;
  if (why !== null) {
    throw new SideglanceError(
      'SG_BUNDLE_PERMISSION',
      `${file} ${why}. Make another one with \`sideglance model permit\``,
    );
  }
}

function parse(bytes: Uint8Array, where: string): Permission {
  try {
    return PermissionSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw new SideglanceError('SG_BUNDLE_PERMISSION', `${where} is no permission: ${reasonOf(cause)}`, { cause });
  }
}
