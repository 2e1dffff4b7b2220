import { z } from 'zod';
import { listAt, readableSecret, secretFromFile, urlFaults } from './checks.js';
import { type Fault, type Path, valueAt } from './faults.js';
import { text } from './fields.js';

/** Where model bundles may be fetched from, and how: `models.download`. */

export const DownloadSchema = z
  .strictObject({
    from: z.array(text('A URL; every address below it is meant, too.')).max(16).default([]).meta({
      description:
        'The URLs (`https:` or `http:`) below which bundles may be fetched when a command asks for it. Empty: nothing is fetched.',
    }),
    proxy: text(
      'The proxy to fetch through, such as `http://proxy.example:3128`. Absent: as the environment says (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), which may also name a user and a password.',
    ).exactOptional(),
    ca: text(
      'A PEM file of the authorities that servers are checked by, relative to this file, or `credential:NAME`. Absent: those that Node.js knows.',
    ).exactOptional(),
    authorizationFile: text(
      'A file whose one line is sent as `Authorization` to the URLs of `from`, such as `Bearer eyJ…` or `Basic ZWRnZTo…`, relative to this file, or `credential:NAME`. It is read anew for each bundle.',
    ).exactOptional(),
  })
  .meta({ description: 'Where bundles may be fetched from, and how.' });

/** Paths are absolute. */
export type DownloadConfig = z.output<typeof DownloadSchema>;

export function downloadFaults(download: unknown, file: string): Fault[] {
  const base: Path = ['models', 'download'];
  const at = (key: string) => valueAt(download, [key]);
  return [
    ...listAt(download, ['from']).flatMap((url, i) => prefixFaults(url, [...base, 'from', i])),
    ...urlFaults(at('proxy'), [...base, 'proxy'], ['http', 'https'], 'leave them to HTTPS_PROXY of the environment'),
    ...readableSecret(at('ca'), [...base, 'ca'], file),
    ...readableSecret(at('authorizationFile'), [...base, 'authorizationFile'], file),
  ];
}

function prefixFaults(url: unknown, path: Path): Fault[] {
  const faults = urlFaults(url, path, ['https', 'http'], 'use `authorizationFile`');
  if (faults.length > 0 || typeof url !== 'string') return faults;
  return /[?#]/.test(url) ? [{ path, message: 'must end before any ? or #: every address below it is meant' }] : [];
}

export function resolveDownload({ ca, authorizationFile, ...rest }: DownloadConfig, file: string): DownloadConfig {
  return {
    ...rest,
    ...(ca === undefined ? {} : { ca: secretFromFile(file, ca) }),
    ...(authorizationFile === undefined ? {} : { authorizationFile: secretFromFile(file, authorizationFile) }),
  };
}
