import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeAtTheEnd } from '../publish/support/leftovers.js';
import { EXAMPLES, withoutPython } from './support.js';

const VERSIONS = '/usr/lib/postgresql';
const BIN = existsSync(VERSIONS)
  ? readdirSync(VERSIONS)
      .map((version) => join(VERSIONS, version, 'bin'))
      .find((folder) => existsSync(join(folder, 'initdb')))
  : undefined;

/** For the `skip` option of a test: false, or what is missing. It is too large to be installed for the tests alone. */
export const withoutPostgresql: string | false =
  BIN === undefined ? 'postgresql is not installed' : withoutPython('psycopg2');

export interface Postgresql {
  /** As psql and libpq take it. */
  readonly database: string;
  /** The rows of a query. */
  query<Row>(sql: string): Row[];
  stop(): Promise<void>;
  start(): void;
}

/** A server of its own in a temporary folder, reached by a socket there, with the tables of the example. */
export function startPostgresql(): Postgresql {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-postgresql-'));
  // It refuses to run as root.
  const owner = process.getuid?.() === 0 ? idOf('postgres') : null;
  if (owner !== null) chownSync(folder, owner.uid, owner.gid);
  const run = (program: string, args: readonly string[], input?: string): string => {
    const { status, stdout, stderr } = spawnSync(join(BIN as string, program), args, {
      encoding: 'utf8',
      timeout: 60_000,
      cwd: folder,
      ...(input === undefined ? {} : { input }),
      ...(owner ?? {}),
      stdio: [input === undefined ? 'ignore' : 'pipe', program === 'pg_ctl' ? 'ignore' : 'pipe', 'pipe'],
    });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr ?? ''}`);
    return stdout ?? '';
  };
  const data = join(folder, 'data');
  run('initdb', ['-D', data, '-U', 'sideglance', '-A', 'trust', '--no-sync']);
  const database = `host=${folder} dbname=postgres user=sideglance`;
  const psql = (...args: string[]) => run('psql', [database, '-v', 'ON_ERROR_STOP=1', '-qtA', ...args]);
  const server: Postgresql = {
    database,
    query: (sql) => JSON.parse(psql('-c', `select coalesce(json_agg(row), '[]') from (${sql}) as row`)),
    start: () => {
      const options = `-c listen_addresses= -c unix_socket_directories=${folder} -c fsync=off`;
      run('pg_ctl', ['-D', data, '-o', options, '-l', join(folder, 'log'), '-w', 'start']);
    },
    async stop() {
      if (existsSync(join(data, 'postmaster.pid'))) run('pg_ctl', ['-D', data, '-m', 'immediate', '-w', 'stop']);
    },
  };
  closeAtTheEnd(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  server.start();
  psql('-f', join(EXAMPLES, 'postgresql/schema.sql'));
  return server;
}

function idOf(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}
