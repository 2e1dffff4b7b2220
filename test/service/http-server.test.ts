import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { afterEach, test } from 'node:test';
import { HttpServer, type Routes } from '../../src/service/http-server.js';
import { fault } from '../support/faults.js';

const faults: string[] = [];
const servers: HttpServer[] = [];
afterEach(async () => {
  faults.length = 0;
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const routes: Routes = {
  '/health': async () => ({ status: 503, contentType: 'application/json', body: '{}' }),
  '/broken': async () => {
    throw new Error('no sensor');
  },
};

async function serve(port = 0): Promise<string> {
  const onFault = (path: string, thrown: unknown) => void faults.push(`${path} ${thrown}`);
  const server = await HttpServer.listen({ host: '127.0.0.1', port, routes, onFault });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

test('a path is answered with its status, also with a query behind it; HEAD has no body', async () => {
  const url = await serve();
  const response = await fetch(`${url}/health?verbose`);
  assert.deepEqual([response.status, await response.text()], [503, '{}']);
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  const head = await fetch(`${url}/health`, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [503, '']);
});

test('other paths are not found, also names that every object has; other methods are refused', async () => {
  const url = await serve();
  const missing = await fetch(`${url}/toString`);
  assert.equal(missing.status, 404);
  assert.match(await missing.text(), /\/health/);
  const post = await fetch(`${url}/health`, { method: 'POST', body: 'x' });
  assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD']);
});

test('an answer that cannot be given is a 500, and reported', async () => {
  const url = await serve();
  const response = await fetch(`${url}/broken`);
  assert.deepEqual([response.status, await response.text()], [500, 'no sensor\n']);
  assert.deepEqual(faults, ['/broken Error: no sensor']);
});

test('a port that is taken is SG_HTTP and names the key to change', async () => {
  const port = Number((await serve()).split(':').at(-1));
  await assert.rejects(serve(port), fault('SG_HTTP', new RegExp(`127\\.0\\.0\\.1:${port}.*http\\.port`)));
});

test('it closes while clients are still connected', async () => {
  const url = await serve();
  const idle = connect(Number(url.split(':').at(-1)), '127.0.0.1');
  const ended = new Promise((done) => idle.on('close', done).on('error', done));
  await new Promise((done) => idle.on('connect', done));
  await servers.pop()?.close();
  await ended;
});
