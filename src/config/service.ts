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

/** What the names of events begin with. */
export const LOG_MODULES = [
  'agent',
  'alarm',
  'broker',
  'camera',
  'command',
  'http',
  'log',
  'model',
  'outbox',
  'part',
  'sparkplug',
  'station',
] as const;

export const LogSchema = z
  .strictObject({
    level: z
      .enum(LOG_LEVELS)
      .default('info')
      .meta({ description: 'How much is logged: from `fatal`, the least, to `trace`, the most.' }),
    modules: z
      .partialRecord(z.enum(LOG_MODULES), z.enum(LOG_LEVELS))
      .default({})
      .meta({
        description: `Other levels for the events of ${LOG_MODULES.map((name) => `\`${name}\``).join(', ')}, such as \`{part: debug, broker: error}\`.`,
      }),
  })
  .meta({ description: 'Logging. Read again, without a restart, at the signal SIGUSR2.' });
