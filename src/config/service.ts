import { z } from 'zod';
import { text, whole } from './fields.js';

/** The groups about watching the daemon: `http`, `log`. */

export const HttpSchema = z
  .strictObject({
    host: text(
      'The address to listen on. Nobody is asked for a password and nothing is encrypted: beyond loopback, let a firewall say who may ask.',
    ).default('127.0.0.1'),
    port: whole(1, 65535, 'The TCP port to listen on.').default(9787),
  })
  .meta({ description: 'Serves `/metrics` and `/health` over HTTP. Absent: nothing listens.' });

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

export const LogSchema = z
  .strictObject({
    level: z
      .enum(LOG_LEVELS)
      .default('info')
      .meta({ description: 'How much is logged: from `fatal`, the least, to `trace`, the most.' }),
  })
  .meta({ description: 'Logging.' });
