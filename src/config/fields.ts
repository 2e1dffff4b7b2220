import { z } from 'zod';

/** Names become MQTT topic levels and file names: a letter or digit first, no `/ + #`, no blanks. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}_.-]{0,63}$/u;
export const name = (what: string) =>
  z
    .string()
    .regex(
      NAME,
      'must be 1 to 64 letters, digits, `_`, `.` or `-`, a letter or digit first (it becomes part of MQTT topics)',
    )
    .refine((text) => Buffer.byteLength(text) <= 128, 'must not be longer than 128 bytes in UTF-8')
    .meta({ description: `${what} Letters, digits, \`_\`, \`.\` and \`-\`.` });

export const text = (description: string) => z.string().min(1).meta({ description });
export const whole = (min: number, max: number, description: string) => z.int().min(min).max(max).meta({ description });

export const password = text('The password in clear text. `passwordFile` is the better place for it.').exactOptional();
export const passwordFile = text(
  'A file that holds nothing but the password, relative to this file, or `credential:NAME` for one that systemd hands to the service (`LoadCredential`). Not together with `password`.',
).exactOptional();
