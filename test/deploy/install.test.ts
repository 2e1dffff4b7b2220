/** install.sh on a folder that stands for a Jetson, with programs that note what they were asked to do. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/paths.js';

const SCRIPT = join(PACKAGE_ROOT, 'deploy', 'jetson', 'install.sh');
const L4T_36 = '# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic, EABI: aarch64';
const LIBRARIES = 'usr/lib/aarch64-linux-gnu';

let folder: string;
let jetson: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-install-'));
  jetson = join(folder, 'jetson');
  put('etc/nv_tegra_release', L4T_36);
  put(
    'usr/local/cuda/version.json',
    '{\n"cuda" : {\n"name" : "CUDA SDK",\n"version" : "12.6.11"\n},\n"nvcc": {\n"version" : "1"\n}\n}',
  );
  for (const library of ['libcudnn.so.9', 'libnvinfer.so.10']) put(`${LIBRARIES}/${library}`, '');
  for (const plugin of ['nvarguscamerasrc', 'nvvidconv', 'nvvideo4linux2'])
    put(`${LIBRARIES}/gstreamer-1.0/libgst${plugin}.so`, '');
  mkdirSync(join(jetson, 'usr/lib/sideglance/node/bin'), { recursive: true });
  symlinkSync(process.execPath, join(jetson, 'usr/lib/sideglance/node/bin/node'));
  const control = join(folder, 'deb', 'DEBIAN', 'control');
  mkdirSync(dirname(control), { recursive: true });
  writeFileSync(
    control,
    'Package: sideglance\nVersion: 1.2.3\nArchitecture: arm64\nMaintainer: n <n@n.invalid>\nDescription: n\n',
  );
  execFileSync('dpkg-deb', ['--build', join(folder, 'deb'), join(folder, 'sideglance.deb')], { stdio: 'ignore' });
  program('uname', 'echo aarch64');
  program('nvpmodel', 'echo "NV Power Mode: MAXN"');
  program('dpkg-query', `[ -e ${folder}/installed ] && cat ${folder}/installed`);
  program('apt-get', `echo "$0 $*" >> ${folder}/done; printf 'installed 1.2.3' > ${folder}/installed`);
  program('systemctl', `echo "$0 $*" >> ${folder}/done`);
  doctorSays('ok');
  for (const name of ['', '_providers_shared', '_providers_cuda', '_providers_tensorrt']) {
    const file = join(folder, 'runtime', 'lib', `libonnxruntime${name}.so`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `library ${name}`);
  }
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(jetson, path)), { recursive: true });
  writeFileSync(join(jetson, path), text);
}

function program(name: string, script: string): void {
  const file = join(folder, 'bin', name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

function doctorSays(state: 'ok' | 'fail'): void {
  const finding = { check: 'provider tensorrt', state, text: 'does not run: no driver', fix: 'install it' };
  program(
    'sideglance',
    `for last; do :; done; cp "$last" ${folder}/asked; echo '${JSON.stringify({ ok: false, findings: [finding] })}'`,
  );
}

function install(...more: string[]) {
  const args = [SCRIPT, '--deb', join(folder, 'sideglance.deb'), ...more];
  const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}`, SIDEGLANCE_ROOT: jetson };
  const { status, stdout, stderr } = spawnSync('bash', args, { encoding: 'utf8', env });
  return { status, text: stdout + stderr };
}

const done = () => (existsSync(join(folder, 'done')) ? readFileSync(join(folder, 'done'), 'utf8') : '');
const environment = () => readFileSync(join(jetson, 'etc/sideglance/environment'), 'utf8');

test('a Jetson with JetPack 6 is found fit, and the package installed', () => {
  const { status, text } = install();
  assert.equal(status, 0, text);
  for (const found of [
    'L4T 36.4.3 (JetPack 6)',
    'CUDA 12.6.11',
    'cuDNN (libcudnn.so.9)',
    'TensorRT (libnvinfer.so.10)',
    'GStreamer',
    'MAXN',
  ]) {
    assert.match(text, new RegExp(`^ok .*${found.replace(/[().]/g, '\\$&')}`, 'm'));
  }
  assert.match(done(), /apt-get install -y --no-install-recommends .*sideglance\.deb/);
});

test('a second run does nothing', () => {
  install('--onnxruntime', join(folder, 'runtime'));
  writeFileSync(join(folder, 'done'), '');
  const { status, text } = install('--onnxruntime', join(folder, 'runtime'));
  assert.equal(status, 0, text);
  assert.equal(done(), '');
  assert.match(text, /^ok .*sideglance 1\.2\.3 is installed$/m);
  assert.match(text, /^ok .*ORT_LIB is set$/m);
});

test('a dry run says what it would do, and does nothing', () => {
  const { status, text } = install('--onnxruntime', join(folder, 'runtime'), '--dry-run');
  assert.equal(status, 0, text);
  assert.match(text, /^would apt-get install/m);
  assert.match(text, /^would set ORT_LIB=/m);
  assert.equal(done(), '');
  assert.ok(!existsSync(join(jetson, 'etc/sideglance')) && !existsSync(join(jetson, 'opt')));
});

test('a runtime is taken from a folder or an archive, proven on TensorRT, and named to the service', () => {
  execFileSync('tar', ['-czf', join(folder, 'ort.tgz'), '-C', join(folder, 'runtime'), 'lib']);
  for (const source of ['runtime', 'ort.tgz']) {
    rmSync(join(jetson, 'opt'), { recursive: true, force: true });
    const { status, text } = install('--onnxruntime', join(folder, source));
    assert.equal(status, 0, text);
    const library = /^ORT_LIB=(.*)$/m.exec(environment())?.[1] ?? '';
    assert.equal(readFileSync(library, 'utf8'), 'library ');
    assert.ok(existsSync(join(dirname(library), 'libonnxruntime_providers_tensorrt.so')));
    assert.match(readFileSync(join(folder, 'asked'), 'utf8'), new RegExp(`library: "${library}", .*require: tensorrt`));
  }
  assert.match(done(), /systemctl try-restart sideglance/);
});

test('another runtime takes the place of the first; other variables stay', () => {
  put('etc/sideglance/environment', 'LD_LIBRARY_PATH=/x\nORT_LIB=/old\n');
  install('--onnxruntime', join(folder, 'runtime'));
  assert.match(
    environment(),
    /^LD_LIBRARY_PATH=\/x\nORT_LIB=.*\/opt\/sideglance\/onnxruntime-[0-9a-f]{12}\/libonnxruntime\.so\n$/,
  );
});

test('a runtime that does not compute on TensorRT is not used, and the reason is told', () => {
  doctorSays('fail');
  const { status, text } = install('--onnxruntime', join(folder, 'runtime'));
  assert.equal(status, 1);
  assert.match(text, /does not run: no driver\. Fix: install it/);
  assert.ok(!existsSync(join(jetson, 'etc/sideglance/environment')));
});

test('a runtime without TensorRT is refused before anything is copied', () => {
  rmSync(join(folder, 'runtime', 'lib', 'libonnxruntime_providers_tensorrt.so'));
  const { status, text } = install('--onnxruntime', join(folder, 'runtime'));
  assert.equal(status, 1);
  assert.match(text, /libonnxruntime_providers_tensorrt\.so is missing/);
  assert.ok(!existsSync(join(jetson, 'opt')));
});

test('what does not fit is said, each with what to do, and nothing is changed', () => {
  put('etc/nv_tegra_release', '# R32 (release), REVISION: 7.1');
  rmSync(join(jetson, LIBRARIES, 'libnvinfer.so.10'));
  program('uname', 'echo x86_64');
  const { status, text } = install('--onnxruntime', join(folder, 'runtime'));
  assert.equal(status, 1);
  for (const fault of [
    /L4T 32/,
    /x86_64, and no Jetson/,
    /TensorRT is not installed: sudo apt-get install nvidia-jetpack/,
  ]) {
    assert.match(text, fault);
  }
  assert.match(text, /3 to mend first; nothing was changed/);
  assert.equal(done(), '');
});

test('JetPack 5, a slow power mode and missing plugins are warned of', () => {
  put('etc/nv_tegra_release', '# R35 (release), REVISION: 5.0');
  program('nvpmodel', 'echo "NV Power Mode: 15W"');
  rmSync(join(jetson, LIBRARIES, 'gstreamer-1.0', 'libgstnvvidconv.so'));
  const { status, text } = install();
  assert.equal(status, 0, text);
  for (const warning of [/^warn .*JetPack 5/m, /^warn .*15W.*nvpmodel -m 0/m, /^warn .*libgstnvvidconv\.so/m])
    assert.match(text, warning);
});
