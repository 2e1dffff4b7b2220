import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServiceManager, takeSummons } from '../../src/service/notify.js';
import { NotifySocket } from '../support/notify-socket.js';

test('messages reach a socket at a path and one in the abstract namespace, byte for byte', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-notify-'));
  for (const name of [join(folder, 'notify'), `@sideglance-notify-${process.pid}`]) {
    const socket = new NotifySocket(name);
    const manager = new ServiceManager({ socket: name, watchdogMs: null });
    assert.ok(manager.tell({ ready: true, status: 'press inspecting', watchdog: true }));
    assert.ok(manager.tell({ stopping: true }));
    assert.deepEqual(socket.read(), ['READY=1\nSTATUS=press inspecting\nWATCHDOG=1', 'STOPPING=1']);
    socket.close();
  }
  rmSync(folder, { recursive: true });
});

test('a status cannot begin another assignment, and is cut where nobody would read on', () => {
  const name = `@sideglance-status-${process.pid}`;
  const socket = new NotifySocket(name);
  const manager = new ServiceManager({ socket: name, watchdogMs: null });
  manager.tell({ status: `lost\nWATCHDOG=1\r\n${'ä'.repeat(2000)}` });
  const [message = ''] = socket.read();
  assert.match(message, /^STATUS=lost WATCHDOG=1 ä+$/);
  assert.equal(message.length, 'STATUS='.length + 500);
  socket.close();
});

test('nobody listening, or a full socket, is said and waits for nothing', () => {
  const name = `@sideglance-full-${process.pid}`;
  const manager = new ServiceManager({ socket: name, watchdogMs: null });
  assert.equal(manager.tell({ ready: true }), false);
  const socket = new NotifySocket(name);
  let taken = 0;
  while (taken < 10_000 && manager.tell({ watchdog: true })) taken++;
  assert.ok(taken > 0 && taken < 10_000);
  socket.read();
  assert.ok(manager.tell({ watchdog: true }));
  socket.close();
});

test('what the service manager says is taken out of the environment, for children are not to speak', () => {
  const env = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7', PATH: '/bin' };
  assert.deepEqual(takeSummons(env, 7), { socket: '/run/notify', watchdogMs: 30_000 });
  assert.deepEqual(env, { PATH: '/bin' });
  assert.equal(takeSummons(env, 7), null);
});

test('a watchdog that is meant for another process, or off, is none', () => {
  const summons = (env: NodeJS.ProcessEnv) => takeSummons({ NOTIFY_SOCKET: '@n', ...env }, 7)?.watchdogMs;
  assert.equal(summons({ WATCHDOG_USEC: '1000', WATCHDOG_PID: '8' }), null);
  assert.equal(summons({ WATCHDOG_USEC: '0' }), null);
  assert.equal(summons({}), null);
  assert.equal(summons({ WATCHDOG_USEC: '1500' }), 1.5);
  // Of virtual machines (vsock:…), which this is not about.
  assert.equal(takeSummons({ NOTIFY_SOCKET: 'vsock:2:1' }), null);
});
