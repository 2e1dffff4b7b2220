#!/usr/bin/env node
// Builds the Debian package: node scripts/package/deb.mjs --arch amd64|arm64 [--out dist/deb] [--compress xz|gzip]
// Build first (npm run build). It needs npm and its registry, tar and dpkg-deb; no root.
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { createProgram } from '../../dist/src/cli.js';
import { bashCompletion, manualPage, zshCompletion } from './command-docs.mjs';
import { copyrightFile } from './copyright.mjs';
import { CPUS, neededLibc, run, stageNode, stageProgram } from './stage.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEB = join(ROOT, 'deploy', 'deb');

const { values } = parseArgs({
  options: {
    arch: { type: 'string' },
    out: { type: 'string', default: join(ROOT, 'dist', 'deb') },
    compress: { type: 'string', default: 'xz' },
    version: { type: 'string' },
  },
});
if (!(values.arch in CPUS)) {
  console.error(
    'usage: node scripts/package/deb.mjs --arch amd64|arm64 [--out DIR] [--compress xz|gzip] [--version V]',
  );
  process.exit(2);
}
const { arch } = values;
const version = values.version ?? JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
const date = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? newestSource()) * 1000);

const staging = mkdtempSync(join(tmpdir(), 'sideglance-deb-'));
try {
  const root = join(staging, 'root');
  const home = join(root, 'usr', 'lib', 'sideglance');
  mkdirSync(home, { recursive: true });
  stageProgram(ROOT, home, arch);
  stageNode(JSON.parse(readFileSync(join(DEB, 'node.json'), 'utf8')), home, arch);
  stageSystemFiles(root, home);
  setModes(root);
  writeControl(root, home);
  mkdirSync(resolve(values.out), { recursive: true });
  const file = join(resolve(values.out), `sideglance_${version}_${arch}.deb`);
  run('dpkg-deb', ['--root-owner-group', `-Z${values.compress}`, '--build', root, file], staging);
  console.log(file);
} finally {
  rmSync(staging, { recursive: true, force: true });
}

function stageSystemFiles(root, home) {
  const doc = 'usr/share/doc/sideglance';
  const put = (path, text) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const schema = '/usr/share/doc/sideglance/config.schema.json';
  const config = readFileSync(join(ROOT, 'config.yaml'), 'utf8');
  put('etc/sideglance/config.yaml', config.replace('$schema=docs/config.schema.json', `$schema=${schema}`));
  mkdirSync(join(root, 'etc/sideglance/credentials'), { recursive: true });
  put('usr/bin/sideglance', readFileSync(join(DEB, 'sideglance')));
  put('lib/systemd/system/sideglance.service', readFileSync(join(ROOT, 'deploy/jetson/sideglance.service')));
  const program = createProgram();
  const page = manualPage(program, version, date.toISOString().slice(0, 10));
  put('usr/share/man/man1/sideglance.1.gz', gzipSync(page, { level: 9 }));
  put('usr/share/bash-completion/completions/sideglance', bashCompletion(program));
  put('usr/share/zsh/vendor-completions/_sideglance', zshCompletion(program));
  put('usr/share/lintian/overrides/sideglance', readFileSync(join(DEB, 'lintian-overrides')));
  put(`${doc}/copyright`, copyrightFile(home));
  put(`${doc}/changelog.gz`, gzipSync(changelog(), { level: 9 }));
  cpSync(join(ROOT, 'CHANGELOG.md'), join(root, doc, 'CHANGELOG.md'));
  for (const name of readdirSync(join(ROOT, 'docs')))
    cpSync(join(ROOT, 'docs', name), join(root, doc, name), { recursive: true });
  for (const name of ['LICENSE', 'NOTICE', 'node/LICENSE']) rmSync(join(home, name));
}

function changelog() {
  return `sideglance (${version}) unstable; urgency=medium

  * What is new stands in CHANGELOG.md beside this file.

 -- sideglance <packages@sideglance.invalid>  ${date.toUTCString().replace('GMT', '+0000')}
`;
}

function setModes(root) {
  for (const name of ['', ...readdirSync(root, { recursive: true })]) {
    const path = join(root, String(name));
    const isProgram = /\/usr\/bin\/sideglance$|\/node\/bin\/node$/.test(path);
    chmodSync(path, statSync(path).isDirectory() || isProgram ? 0o755 : 0o644);
  }
  chmodSync(join(root, 'etc/sideglance/credentials'), 0o700);
}

function writeControl(root, home) {
  const control = join(root, 'DEBIAN');
  mkdirSync(control);
  const kilobytes = Math.ceil(files(root).reduce((sum, path) => sum + statSync(path).size, 0) / 1024);
  const text = readFileSync(join(DEB, 'control'), 'utf8')
    .replace('@VERSION@', version)
    .replace('@ARCH@', arch)
    .replace('@SIZE@', String(kilobytes))
    .replace('@LIBC@', neededLibc(home));
  writeFileSync(join(control, 'control'), text);
  writeFileSync(join(control, 'conffiles'), '/etc/sideglance/config.yaml\n');
  for (const script of ['postinst', 'prerm', 'postrm']) {
    cpSync(join(DEB, script), join(control, script));
    chmodSync(join(control, script), 0o755);
  }
}

function files(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path).isFile());
}

/** Seconds since 1970 of the newest file that was compiled: the same sources give the same package. */
function newestSource() {
  return Math.floor(statSync(join(ROOT, 'dist', '.built')).mtimeMs / 1000);
}
