import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findingText } from '../../src/cli/doctor.js';
import type { Finding } from '../../src/service/doctor.js';
import { startMosquitto, withoutMosquitto } from '../publish/support/mosquitto.js';
import { writeBrightnessBundle } from '../support/brightness-bundle.js';
import { sideglance } from './command.js';

let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-doctor-'));
  await writeBrightnessBundle(join(folder, 'bundle'));
  mkdirSync(join(folder, 'broken'));
  writeFileSync(join(folder, 'broken', 'manifest.json'), '{}');
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function examine(
  stations: string,
  rest = '',
  ...options: string[]
): Promise<{ code: number | null; findings: Finding[]; stderr: string }> {
  const file = join(folder, 'config.yaml');
  writeFileSync(file, `device: { site: s, line: l, name: n }\n${rest}\nstations:\n${stations}`);
  const { code, stdout, stderr } = await sideglance(['doctor', '--json', '-c', file, ...options]);
  const report = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  assert.equal(report.ok, code === 0);
  return { code, findings: report.findings, stderr };
}

const stateOf = (findings: readonly Finding[]) =>
  Object.fromEntries(findings.map(({ check, state }) => [check, state] as const));
const find = (findings: readonly Finding[], check: string) => findings.find((one) => one.check === check);
const station = (name: string, camera: string) => `  - { name: ${name}, model: bundle, camera: ${camera} }\n`;

describe('doctor', () => {
  it('finds the elements of every kind of camera, and names the package of those that are missing', async () => {
    const { code, findings } = await examine(
      station('sim', '{ type: simulated }') +
        station('pictures', '{ type: files, path: . }') +
        station('grey', '{ type: gige, camera: "no ! such" }') +
        station('triggered', '{ type: gige, trigger: Line1 }') +
        station('jetson', '{ type: csi }') +
        station('odd', '{ type: pipeline, pipeline: "videotestsrc ! frobnicate ! videoflip" }') +
        station('usb', '{ type: v4l2, device: /dev/sideglance-none }'),
    );
    assert.equal(code, 1);
    const states = stateOf(findings);
    assert.equal(states.GStreamer, 'ok');
    assert.equal(states['camera of sim'], 'ok');
    assert.equal(states['camera of pictures'], 'ok');
    assert.equal(states['camera of grey'], 'ok');
    assert.equal(states['camera of triggered'], 'ok');
    const jetson = find(findings, 'camera of jetson');
    assert.match(
      `${jetson?.state} ${jetson?.text} ${jetson?.fix}`,
      /^fail .*nvarguscamerasrc.* not installed .*JetPack/,
    );
    const odd = find(findings, 'camera of odd');
    assert.match(`${odd?.state} ${odd?.text}`, /^fail pipeline: the GStreamer element frobnicate is not installed$/);
    const usb = find(findings, 'camera of usb');
    assert.match(`${usb?.state} ${usb?.text}`, /^fail there is no \/dev\/sideglance-none$/);
    for (const finding of findings) {
      if (finding.state !== 'ok') assert.ok(finding.fix, `${finding.check} comes without a fix`);
    }
  });

  it('waits for a check as long as it is told', async () => {
    const { code, findings } = await examine(station('sim', '{ type: simulated }'), '', '--patience', '0.001');
    assert.equal(code, 1);
    const gstreamer = find(findings, 'GStreamer');
    assert.match(`${gstreamer?.state} ${gstreamer?.text}`, /^fail no answer within 0\.001 s$/);
  });

  it('runs each provider, and warns where the next one stands in', async () => {
    const { findings } = await examine(station('sim', '{ type: simulated }'), 'infer: { providers: [tensorrt, cpu] }');
    const states = stateOf(findings);
    assert.equal(states['ONNX Runtime'], 'ok');
    assert.equal(states['provider cpu'], 'ok');
    // Where the machine has TensorRT, it runs.
    assert.match(states['provider tensorrt'] ?? '', /^(ok|warn)$/);
  });

  it('fails where the provider that is required does not compute, and names what to do', {
    skip: process.arch !== 'x64' && 'the runtime that npm brings differs',
  }, async () => {
    const { code, findings } = await examine(
      station('sim', '{ type: simulated }'),
      'infer: { providers: [tensorrt, cpu], require: tensorrt }',
    );
    assert.equal(code, 1);
    const provider = find(findings, 'provider tensorrt');
    assert.match(
      `${provider?.state} ${provider?.text}`,
      /^fail does not run: libonnxruntime_providers_shared\.so does not/,
    );
    assert.match(provider?.text ?? '', /infer\.require asks for it$/);
    assert.match(provider?.fix ?? '', /docs\/hardware\.md/);
    const model = find(findings, 'model of sim');
    assert.match(`${model?.state} ${model?.text}`, /^fail infer\.require asks for tensorrt, .* cpu may not run it/);
  });

  it('loads each model and reproduces its golden samples', async () => {
    const { code, findings } = await examine(
      `${station('good', '{ type: simulated }')}  - { name: bad, model: broken, camera: { type: simulated } }\n`,
    );
    assert.equal(code, 1);
    assert.match(
      find(findings, 'model of good')?.text ?? '',
      /^brightness@1\.0\.0 reproduces its 2 golden samples on cpu/,
    );
    const bad = find(findings, 'model of bad');
    assert.match(`${bad?.state} ${bad?.text}`, /^fail .*broken/);
  });

  it('finds nothing to mend where everything is there', async () => {
    const { code, findings } = await examine(station('sim', '{ type: simulated }'), 'mqtt: { embedded: { port: 1 } }');
    assert.deepEqual([code, findings.filter(({ state }) => state === 'fail')], [0, []]);
  });

  it('fails for a library that is none', async () => {
    writeFileSync(join(folder, 'libonnxruntime.so'), 'not a library');
    const { code, findings } = await examine(
      station('sim', '{ type: simulated }'),
      'infer: { library: libonnxruntime.so }',
    );
    assert.equal(code, 1);
    assert.equal(find(findings, 'ONNX Runtime')?.state, 'fail');
    assert.match(find(findings, 'ONNX Runtime')?.fix ?? '', /infer\.library\b/);
  });

  it('reports a faulty configuration with its places, and checks the rest all the same', async () => {
    const { code, findings } = await examine(station('sim', '{ type: simulatd }'));
    assert.equal(code, 1);
    assert.match(find(findings, 'configuration')?.text ?? '', /config\.yaml:4:\d+ stations\[0\]\.camera\.type must be/);
    assert.equal(find(findings, 'ONNX Runtime')?.state, 'ok');
  });

  it('connects to the broker as the daemon would, and says what it refuses', { skip: withoutMosquitto }, async () => {
    const broker = await startMosquitto({ users: { edge: 'sesame' } });
    const login = (password: string) => `mqtt: { url: "${broker.url}", username: edge, password: ${password} }`;
    const camera = station('sim', '{ type: simulated }');
    const good = await examine(camera, login('sesame'));
    assert.match(find(good.findings, 'MQTT broker')?.text ?? '', /^mqtt:.* takes us, MQTT 5$/);
    const bad = await examine(camera, login('wrong'));
    assert.equal(bad.code, 1);
    assert.match(find(bad.findings, 'MQTT broker')?.text ?? '', /refused the user 'edge'/);
    assert.doesNotMatch(JSON.stringify(bad), /wrong/);
    await broker.stop();
    const gone = await examine(camera, login('sesame'));
    assert.match(find(gone.findings, 'MQTT broker')?.text ?? '', /does not listen there/);
  });

  it('tells whether the embedded broker could listen', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const camera = station('sim', '{ type: simulated }');
    const taken = await examine(camera, `mqtt: { embedded: { port: ${port} } }`);
    assert.match(find(taken.findings, 'MQTT broker')?.text ?? '', /EADDRINUSE/);
    assert.equal(find(taken.findings, 'MQTT broker')?.state, 'warn');
    server.close();
    await once(server, 'close');
    const free = await examine(camera, `mqtt: { embedded: { port: ${port} } }`);
    assert.equal(find(free.findings, 'MQTT broker')?.state, 'ok');
  });

  it('prints its findings for people, each fix below its fault', () => {
    const finding: Finding = { check: 'x', state: 'fail', text: 'a\nb', fix: 'do it' };
    assert.equal(findingText(finding, false), 'fail  x: a\n      b\n      fix: do it');
  });
});
