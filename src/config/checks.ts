import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { reasonOf } from '../errors.js';
import { type Fault, type Path, valueAt } from './faults.js';

/** What the rules of `relations.ts` and `infer-relations.ts` are made of. */

export function readableFile(name: unknown, path: Path, file: string): Fault[] {
  if (typeof name !== 'string' || name === '') return [];
  const full = fromFile(file, name);
  try {
    accessSync(full, constants.R_OK);
    return statSync(full).isFile() ? [] : [{ path, message: `${full} is not a file` }];
  } catch (thrown) {
    return [{ path, message: `cannot be read: ${reasonOf(thrown)}` }];
  }
}

export function repeatedNames(value: unknown, base: Path, what: string): Fault[] {
  const first = new Map<string, number>();
  return listAt(value, base).flatMap((entry, i): Fault[] => {
    const name = valueAt(entry, ['name']);
    if (typeof name !== 'string') return [];
    const earlier = first.get(name);
    if (earlier !== undefined) {
      return [
        {
          path: [...base, i, 'name'],
          message: `${what} ${i + 1} has the name of ${what} ${earlier + 1}: ${JSON.stringify(name)}`,
        },
      ];
    }
    first.set(name, i);
    return [];
  });
}

export function repeatedEntries(value: unknown, base: Path): Fault[] {
  const list = listAt(value, base);
  return list.flatMap((entry, i) =>
    list.indexOf(entry) < i ? [{ path: [...base, i], message: 'stands in the list a second time' }] : [],
  );
}

export function listAt(value: unknown, path: Path): readonly unknown[] {
  const list = valueAt(value, path);
  return Array.isArray(list) ? list : [];
}

const CREDENTIAL = /^credential:([\w.-]+)$/;

/** Like `readableFile`, for a file that systemd may hand to the service as a credential. */
export function readableSecret(name: unknown, path: Path, file: string): Fault[] {
  const credential = typeof name === 'string' ? CREDENTIAL.exec(name)?.[1] : undefined;
  if (credential === undefined) return readableFile(name, path, file);
  const folder = process.env.CREDENTIALS_DIRECTORY;
  if (folder === undefined) {
    const message = `the credential ${credential} is there in the service only, where systemd sets CREDENTIALS_DIRECTORY; elsewhere set it to the folder that holds the file`;
    return [{ path, message }];
  }
  const full = resolve(folder, credential);
  const faults = readableFile(full, path, file);
  if (faults.length > 0 || readFileSync(full, 'latin1').trim() !== '') return faults;
  return [{ path, message: `the credential ${credential} is empty: write it into the file that LoadCredential names` }];
}

/**
 * The path of such a file; it has been checked by `readableSecret`.
 *
 * Source: systemd.exec(5), LoadCredential.
 */
export function secretFromFile(file: string, path: string): string {
  const credential = CREDENTIAL.exec(path)?.[1];
  return credential === undefined ? fromFile(file, path) : resolve(process.env.CREDENTIALS_DIRECTORY ?? '', credential);
}

/** Paths in the file are relative to the file. */
export function fromFile(file: string, path: string): string {
  return resolve(dirname(file), path);
}

/** @param instead where a user and a password belong */
export function urlFaults(
  url: unknown,
  path: Path,
  schemes: readonly string[],
  instead = 'use `username` and `passwordFile`',
): Fault[] {
  if (typeof url !== 'string') return [];
  const form = `must be ${schemes.map((scheme) => `${scheme}://host`).join(' or ')}`;
  if (!URL.canParse(url)) return [{ path, message: `${form}, with a port and a path if need be` }];
  const { protocol, hostname, username, password } = new URL(url);
  if (!schemes.includes(protocol.slice(0, -1)) || hostname === '') return [{ path, message: form }];
  if (username === '' && password === '') return [];
  return [{ path, message: `must not hold a user or a password: ${instead}, addresses are logged` }];
}

export function passwordFaults(group: unknown, base: Path, file: string): Fault[] {
  const passwordFile = valueAt(group, ['passwordFile']);
  const password = valueAt(group, ['password']);
  const faults: Fault[] = [];
  if (passwordFile !== undefined && password !== undefined) {
    faults.push({ path: [...base, 'passwordFile'], message: 'cannot stand beside `password`: remove one of the two' });
  }
  if ((passwordFile ?? password) !== undefined && valueAt(group, ['username']) === undefined) {
    const key = passwordFile === undefined ? 'password' : 'passwordFile';
    faults.push({ path: [...base, key], message: 'needs a `username`' });
  }
  faults.push(...readableSecret(passwordFile, [...base, 'passwordFile'], file));
  return faults;
}

/** The password in a file: its text without the line end that editors add. */
export function readPassword(file: string): string {
  return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
}
