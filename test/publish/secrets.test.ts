import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { startMosquitto, withoutMosquitto } from './support/mosquitto.js';

const SECRET = 'sesame-open-77';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-secrets-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Everything that the program writes until it has written `until`, and then at its stop. */
async function outputOf(config: string, until: RegExp): Promise<string> {
  const program = spawn(process.execPath, [join(PACKAGE_ROOT, 'bin', 'sideglance.mjs'), 'run', '--config', config], {
    // MQTT.js and others print what they do, and so every CONNECT, when DEBUG is set.
    env: { ...process.env, DEBUG: '*' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const seen = new Promise<void>((done) => {
    for (const stream of [program.stdout, program.stderr]) {
      stream.on('data', (chunk) => {
        said += chunk;
        if (until.test(said)) done();
      });
    }
  });
  const ended = once(program, 'exit');
  await Promise.race([seen, ended]);
  program.kill('SIGTERM');
  await ended;
  return said;
}

for (const password of [SECRET, `${SECRET}-wrong`]) {
  const outcome = password === SECRET ? 'right' : 'wrong';
  test(`a password that is ${outcome} is written nowhere, at the finest level of the log and with DEBUG set`, {
    skip: withoutMosquitto,
    timeout: 60_000,
  }, async () => {
    const broker = await startMosquitto({ users: { line3: SECRET } });
    writeFileSync(join(folder, 'password'), `${password}\n`);
    const config = join(folder, `${outcome}.yaml`);
    writeFileSync(
      config,
      JSON.stringify({
        device: { site: 's', line: 'l', name: 'n' },
        mqtt: { url: broker.url, username: 'line3', passwordFile: 'password', outbox: { folder: `outbox-${outcome}` } },
        stations: [{ name: 'a', camera: { type: 'simulated' } }],
        log: { level: 'trace' },
      }),
    );
    const until = outcome === 'right' ? /"state":"online"|state.*online/ : /refused the user 'line3'/;
    const said = await outputOf(config, until);
    assert.match(said, until);
    assert.ok(!said.includes(SECRET), 'the password stands in the output');
    assert.ok(!said.includes(Buffer.from(SECRET).toString('base64')));
    assert.ok(!said.includes(Buffer.from(SECRET).toString('hex')));
    await broker.stop();
  });
}
