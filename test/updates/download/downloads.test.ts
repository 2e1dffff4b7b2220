import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { DownloadConfig } from '../../../src/config/model-download.js';
import type { ErrorCode } from '../../../src/errors.js';
import { Downloads, type DownloadsOptions } from '../../../src/updates/download/downloads.js';
import { makeAuthority } from '../../publish/support/certificates.js';
import { sendFile, serve, sha256, startProxy } from './server.js';

const root = await mkdtemp(join(tmpdir(), 'sideglance-downloads-'));
after(() => rm(root, { recursive: true, force: true }));

const FILE = randomBytes(300_000);
const SHA256 = sha256(FILE);
let folders = 0;

function downloads(from: string, more: Partial<DownloadConfig> = {}, options: Partial<DownloadsOptions> = {}) {
  const folder = options.folder ?? join(root, String(folders++));
  const limits = { firstWaitMs: 1, longestWaitMs: 5, ...options.limits };
  return {
    folder,
    downloads: new Downloads({ maxBytes: 1_000_000, ...options, folder, config: { from: [from], ...more }, limits }),
  };
}

/** Breaks a connection when the client has so many bytes more, no sooner: what is on its way would be lost. */
function breakable(every = 100_000) {
  let current: ServerResponse | null = null;
  return {
    hold: (response: ServerResponse) => {
      current = response;
    },
    onProgress: (bytes: number) => {
      if (bytes > 0 && bytes < FILE.byteLength && bytes % every === 0) current?.destroy();
    },
  };
}

/** What it threw, and that nothing of it is left on the disk. */
async function refused(one: ReturnType<typeof downloads>, url: string, code: ErrorCode, digest = SHA256) {
  await assert.rejects(one.downloads.fetch({ url, sha256: digest }), { code });
  if (code !== 'SG_BUNDLE_DOWNLOAD') assert.deepEqual(await readdir(one.folder).catch(() => []), []);
}

test('a file is fetched as a whole, tells how much is there, and is gone when it is removed', async () => {
  const { url } = await serve((request, response) => sendFile(FILE, { request, response }));
  const one = downloads(url);
  const progress: number[] = [];
  const path = await one.downloads.fetch(
    { url: `${url}/b.tar`, sha256: SHA256 },
    { onProgress: (bytes, total) => progress.push(bytes / (total ?? 0)) },
  );
  assert.deepEqual(await readFile(path), FILE);
  assert.deepEqual([progress[0], progress.at(-1)], [0, 1]);
  await one.downloads.remove(path);
  assert.deepEqual(await readdir(one.folder), []);
});

test('a connection that breaks off is gone on with where it broke, by the tag of the server', async () => {
  const line = breakable();
  const server = await serve((request, response) => {
    line.hold(response);
    sendFile(FILE, { request, response, tag: '"one"', breakAfter: 100_000 });
  });
  const path = await downloads(server.url).downloads.fetch({ url: server.url, sha256: SHA256 }, line);
  assert.deepEqual(await readFile(path), FILE);
  assert.deepEqual(
    server.seen.map(({ range }) => range),
    [null, 'bytes=100000-', 'bytes=200000-'],
  );
});

test('the next process goes on with what the one before left, and needs no network for what is whole', async () => {
  let isOpen = false;
  const line = breakable();
  const server = await serve((request, response) => {
    line.hold(response);
    sendFile(FILE, { request, response, tag: '"one"', ...(isOpen ? {} : { breakAfter: 100_000 }) });
  });
  const limits = { attemptsInVain: 1 };
  const first = downloads(server.url, {}, { limits });
  await assert.rejects(first.downloads.fetch({ url: server.url, sha256: SHA256 }, line), {
    code: 'SG_BUNDLE_DOWNLOAD',
  });
  isOpen = true;
  const second = downloads(server.url, {}, { folder: first.folder });
  assert.deepEqual(await readFile(await second.downloads.fetch({ url: server.url, sha256: SHA256 })), FILE);
  assert.equal(server.seen.at(-1)?.range, 'bytes=100000-');
  const asked = server.seen.length;
  await second.downloads.fetch({ url: server.url, sha256: SHA256 });
  assert.equal(server.seen.length, asked);
});

test('what another file left is removed when a file is fetched', async () => {
  const line = breakable();
  const server = await serve((request, response) => {
    line.hold(response);
    sendFile(FILE, { request, response, ...(server.seen.length === 1 && { breakAfter: 100_000 }) });
  });
  const first = downloads(server.url, {}, { limits: { attemptsInVain: 1 } });
  await assert.rejects(first.downloads.fetch({ url: server.url, sha256: 'f'.repeat(64) }, line));
  assert.deepEqual(await readdir(first.folder), ['f'.repeat(64)]);
  const path = await downloads(server.url, {}, { folder: first.folder }).downloads.fetch({
    url: server.url,
    sha256: SHA256,
  });
  assert.deepEqual(await readdir(first.folder), [path.slice(first.folder.length + 1)]);
});

test('a server without ranges sends all of it again; one that always breaks off is given up', async () => {
  let times = 0;
  const line = breakable(50_000);
  const withoutRanges = (isWhole: () => boolean) =>
    serve((request, response) => {
      line.hold(response);
      delete request.headers.range;
      sendFile(FILE, { request, response, ...(!isWhole() && { breakAfter: 50_000 }) });
    });
  const server = await withoutRanges(() => ++times === 3);
  const path = await downloads(server.url).downloads.fetch({ url: server.url, sha256: SHA256 }, line);
  assert.deepEqual(await readFile(path), FILE);
  const never = await withoutRanges(() => false);
  const fetched = downloads(never.url).downloads.fetch({ url: never.url, sha256: SHA256 }, line);
  await assert.rejects(fetched, { code: 'SG_BUNDLE_DOWNLOAD' });
  assert.equal(never.seen.length, 8, 'the first, which brought something, and seven that brought nothing more');
});

test('a file that changes on the server meanwhile is fetched anew, with a tag and without', async () => {
  for (const tagged of [true, false]) {
    let times = 0;
    const line = breakable();
    const server = await serve((request, response) => {
      line.hold(response);
      const isOld = ++times === 1;
      const tag = tagged ? (isOld ? '"old"' : '"new"') : null;
      sendFile(isOld ? randomBytes(FILE.byteLength) : FILE, {
        request,
        response,
        tag,
        ...(isOld && { breakAfter: 100_000 }),
      });
    });
    const path = await downloads(server.url).downloads.fetch({ url: server.url, sha256: SHA256 }, line);
    assert.deepEqual(await readFile(path), FILE);
    assert.equal(server.seen[1]?.range, 'bytes=100000-');
  }
});

test('another file than was announced is refused', async () => {
  const server = await serve((request, response) => sendFile(FILE, { request, response }));
  await refused(downloads(server.url), server.url, 'SG_BUNDLE_DIGEST', 'f'.repeat(64));
  assert.equal(server.seen.length, 1);
});

test('a file that is too large is refused by its announced length, and an endless one by what has come', async () => {
  const announced = await serve((request, response) => sendFile(FILE, { request, response }));
  const maxBytes = 200_000;
  await refused(downloads(announced.url, {}, { maxBytes }), announced.url, 'SG_BUNDLE_TOO_LARGE');
  let sent = 0;
  const endless = await serve((_, response) => {
    response.writeHead(200);
    const more = () => {
      sent += 10_000;
      if (!response.destroyed) response.write(Buffer.alloc(10_000), () => setImmediate(more));
    };
    more();
  });
  await refused(downloads(endless.url, {}, { maxBytes }), endless.url, 'SG_BUNDLE_TOO_LARGE');
  assert.ok(sent < 100 * maxBytes);
});

test('a server that says nothing is given up, one that says too little as well', async () => {
  const silent = await serve(() => {});
  const limits = { idleMs: 50, attemptsInVain: 2 };
  await refused(downloads(silent.url, {}, { limits }), silent.url, 'SG_BUNDLE_DOWNLOAD');
  assert.equal(silent.seen.length, 2);
  const slow = await serve((_, response) => {
    response.writeHead(200, { 'content-length': FILE.byteLength });
    const timer = setInterval(() => response.write(Buffer.alloc(1)), 20);
    response.on('close', () => clearInterval(timer));
  });
  const one = downloads(slow.url, {}, { limits: { totalMs: 300 } });
  await assert.rejects(one.downloads.fetch({ url: slow.url, sha256: SHA256 }), /longer than 0.3 s/);
});

test('what the server refuses for good is not asked for again; what it may give later is', async () => {
  const gone = await serve((_, response) => response.writeHead(404).end());
  await refused(downloads(gone.url), gone.url, 'SG_BUNDLE_DOWNLOAD');
  assert.equal(gone.seen.length, 1);
  let times = 0;
  const busy = await serve((request, response) =>
    ++times < 3 ? response.writeHead(503).end() : sendFile(FILE, { request, response }),
  );
  await downloads(busy.url).downloads.fetch({ url: busy.url, sha256: SHA256 });
});

test('it is led on to addresses that are allowed, and to no others; what it may know goes to the first only', async () => {
  const elsewhere = await serve((request, response) => sendFile(FILE, { request, response }));
  const server = await serve((request, response) => {
    const to: Record<string, string> = {
      '/models/a': '/models/b',
      '/models/out': '/secret',
      '/models/other': `${elsewhere.url}/models/b`,
      '/models/loop': '/models/loop',
    };
    const location = to[request.url ?? ''];
    if (location !== undefined) response.writeHead(302, { location }).end();
    else sendFile(FILE, { request, response });
  });
  const authorizationFile = join(root, 'authorization');
  await writeFile(authorizationFile, 'Bearer sesame\n');
  const from = [`${server.url}/models/`, `${elsewhere.url}/models/`];
  const one = downloads('', { from, authorizationFile });
  const fetch = (path: string) => one.downloads.fetch({ url: `${server.url}/models/${path}`, sha256: SHA256 });
  await one.downloads.remove(await fetch('a'));
  assert.deepEqual(
    server.seen.map(({ authorization }) => authorization),
    ['Bearer sesame', 'Bearer sesame'],
  );
  await assert.rejects(fetch('out'), { code: 'SG_BUNDLE_URL' });
  assert.equal(server.seen.at(-1)?.path, '/models/out');
  await one.downloads.remove(await fetch('other'));
  assert.equal(elsewhere.seen[0]?.authorization, null);
  await assert.rejects(fetch('loop'), /leads on more than 5 times/);
  await writeFile(authorizationFile, 'sesame');
  await assert.rejects(fetch('a'), (error: Error) => !error.message.includes('sesame'));
});

test('HTTPS is checked by the authorities of the configuration, and not without them', async () => {
  const authority = makeAuthority();
  const { cert, key } = authority.issue('server');
  const tls = { cert: await readFile(cert), key: await readFile(key) };
  const server = await serve((request, response) => sendFile(FILE, { request, response }), tls);
  const limits = { attemptsInVain: 1 };
  await downloads(server.url, { ca: authority.ca }).downloads.fetch({ url: server.url, sha256: SHA256 });
  await refused(downloads(server.url, {}, { limits }), server.url, 'SG_BUNDLE_DOWNLOAD');
  const proxy = await startProxy();
  const through = downloads(server.url, { ca: authority.ca, proxy: proxy.url });
  assert.deepEqual(await readFile(await through.downloads.fetch({ url: server.url, sha256: SHA256 })), FILE);
  assert.deepEqual(proxy.seen, [`CONNECT ${server.url.slice('https://'.length)}`]);
});

test('the proxy of the environment is used, with its user and password, except where it says not to', async () => {
  const server = await serve((request, response) => sendFile(FILE, { request, response }));
  const proxy = await startProxy();
  const before = { ...process.env };
  try {
    process.env.HTTP_PROXY = proxy.url.replace('//', '//user:word@');
    await downloads(server.url).downloads.fetch({ url: `${server.url}/b.tar`, sha256: SHA256 });
    const basic = `Basic ${Buffer.from('user:word').toString('base64')}`;
    assert.deepEqual(proxy.seen, [`GET ${server.url}/b.tar ${basic}`]);
    process.env.NO_PROXY = 'example.com, 127.0.0.1';
    await downloads(server.url).downloads.fetch({ url: `${server.url}/b.tar`, sha256: SHA256 });
    assert.equal(proxy.seen.length, 1);
  } finally {
    process.env = before;
  }
});

test('an abort ends it at once, with its reason, and leaves what is there', async () => {
  const server = await serve((_, response) => {
    response.writeHead(200, { 'content-length': FILE.byteLength });
    response.write(FILE.subarray(0, 1_000));
  });
  const one = downloads(server.url);
  const abort = new AbortController();
  const fetched = one.downloads.fetch(
    { url: server.url, sha256: SHA256 },
    { signal: abort.signal, onProgress: (bytes) => bytes > 0 && abort.abort(new Error('enough')) },
  );
  await assert.rejects(fetched, /^Error: enough$/);
  assert.deepEqual(await readdir(one.folder), [SHA256]);
});
