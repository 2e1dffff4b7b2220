import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { reasonOf, SideglanceError } from '../errors.js';
import type { MqttTls } from './options.js';

/** The contents of the files of `mqtt.tls`, as they were when they were read. */
export interface TlsFiles {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly serverName: string | undefined;
  /** Another one whenever a file has another content. */
  readonly fingerprint: string;
}

/** @throws SideglanceError SG_BROKER when a file cannot be read */
export function readTlsFiles(tls: MqttTls | undefined): TlsFiles {
  const hash = createHash('sha256');
  const read = (key: 'ca' | 'cert' | 'key') => {
    const path = tls?.[key];
    if (path === undefined) return undefined;
    try {
      const content = readFileSync(path);
      hash.update(`${key} ${content.byteLength} `).update(content);
      return content;
    } catch (cause) {
      throw new SideglanceError(
        'SG_BROKER',
        `mqtt.tls.${key}: ${path} cannot be read (${reasonOf(cause)}): correct the path or its permissions`,
        { cause },
      );
    }
  };
  const [ca, cert, key] = [read('ca'), read('cert'), read('key')];
  return { ca, cert, key, serverName: tls?.serverName, fingerprint: hash.digest('base64') };
}

/**
 * Whether a connection could be made with these files: they are PEM, and the key belongs to the certificate. While they are
 * being renewed one after the other, it does not.
 * @throws SideglanceError SG_BROKER naming the files
 */
export function checkTlsFiles({ ca, cert, key }: TlsFiles): void {
  try {
    createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
  } catch (cause) {
    throw new SideglanceError(
      'SG_BROKER',
      `the new files of mqtt.tls are of no use (${reasonOf(cause)}): replace \`ca\`, \`cert\` and \`key\` by PEM files ` +
        'that belong together; until then the connection stays as it is',
      { cause },
    );
  }
}
