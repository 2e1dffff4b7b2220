import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeAtTheEnd } from './leftovers.js';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority in a folder of its own. */
export interface Authority {
  readonly ca: string;
  /** Names are as in `subjectAltName`; a certificate of -1 days has expired yesterday. */
  issue(name: string, options?: { readonly names?: string; readonly days?: number }): KeyPair;
}

export function makeAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-certificates-'));
  closeAtTheEnd(async () => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  openssl('req', '-x509', ...KEY, '-keyout', path('ca.key'), '-out', path('ca.pem'), '-subj', '/CN=plant CA');
  return {
    ca: path('ca.pem'),
    issue(name, { names = 'IP:127.0.0.1,DNS:localhost', days = 2 } = {}) {
      const [key, request, cert] = [path(`${name}.key`), path(`${name}.csr`), path(`${name}.pem`)];
      const alternatives = ['-addext', `subjectAltName=${names}`];
      openssl('req', ...KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`, ...alternatives);
      const signer = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial'];
      const rest = ['-days', String(days), '-copy_extensions', 'copy'];
      openssl('x509', '-req', '-in', request, ...signer, '-out', cert, ...rest);
      return { cert, key };
    },
  };
}
