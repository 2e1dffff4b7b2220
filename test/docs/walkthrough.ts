import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MANIFEST_FILE } from '../../src/model/manifest.js';
import { PACKAGE_ROOT } from '../../src/paths.js';
import { sideglance } from '../cli/command.js';
import { type Mosquitto, startMosquitto, withoutMosquitto } from '../publish/support/mosquitto.js';
import { Daemon, freePort } from '../support/daemon.js';
import { commandLinesOf } from './lines.js';

/**
 * The commands of the docs are run as they stand there, page by page, in a folder that has what they speak of. What is not, is run by
 * another test or script: here is which.
 */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/^npm (start|ci)\b|sideglance run\b/, 'test/cli/run.test.ts'],
  [/^npm (test|run build)\b/, 'scripts/test.mjs'],
  [/^npm run bench|^npx \. bench/, 'test/cli/bench.test.ts'],
  [/^npm run soak|dist\/bench\//, 'test/bench/soak.test.ts'],
  [/package\/deb\.mjs|^sudo apt-get (install \.|remove|purge)/, 'scripts/package/test-deb.sh'],
  [/sideglance-offline\//, 'scripts/package/offline.sh'],
  [/install\.sh|nvidia-jetpack|engine build/, 'test/deploy/install.test.ts'],
  [/^sudo (systemctl|sh -c|cp|chown|editor|tar)\b|^sudo sideglance doctor/, 'test/service/systemd.test.ts'],
  [/^sudo (apt-get install libaravis|ip|sysctl)\b/, 'test/capture/gige.test.ts'],
  [/spBv1\.0/, 'test/agent-sparkplug.test.ts'],
  [/^sideglance fleet (rollout|halt|withdraw)\b/, 'test/cli/fleet.test.ts'],
  [/^minisign -S/, 'test/model/signing/minisign.test.ts'],
];

const NEXT_YEAR = String(new Date().getUTCFullYear() + 1);
const TIMED_OUT = 27;

const folder = mkdtempSync(join(tmpdir(), 'sideglance-walkthrough-'));
let broker: Mosquitto;
let httpPort: number;

/** For an example's name, one of this folder; for an example's end, one that comes. */
function instead(text: string): string {
  return (
    text
      .replace(/^npx \. /, 'sideglance ')
      .replaceAll('2030', NEXT_YEAR)
      .replace('0f3a9c2b71d04e55.png', acceptancePart())
      .replace('mqtts://broker.example:8883 --username fleet --password-file fleet.password --ca ca.pem', broker.url)
      .replace(/(mosquitto_pub)( -h \S+)?( -p \d+)?/, `$1 -h 127.0.0.1 -p ${broker.port}`)
      // It ends by itself.
      .replace(/(mosquitto_sub)( -h \S+)?( -p \d+)?/, `$1 -h 127.0.0.1 -p ${broker.port} -W 4`)
      .replaceAll('ulm/press-3/edge-1/top', 'plant/line/device/top')
      .replaceAll('plant/line-1/edge-1', 'plant/line/device')
      .replace('127.0.0.1:9787', `127.0.0.1:${httpPort}`)
      // Minutes of training are for a good model.
      .replace(/^sideglance train .*/, '$& --steps 1 --size 64')
      .replace(/ --geometry field.* --size 64/, ' --geometry field --steps 1')
      // It would be asked for.
      .replace(/(model sign \S+ --key alice\.key)$/, '$1 --password-file alice.password')
  );
}

function acceptancePart(): string {
  const path = join(folder, 'var', 'acceptance', 'top');
  const all = existsSync(path) ? readdirSync(path, { recursive: true, encoding: 'utf8' }) : [];
  return (
    all
      .find((name) => name.endsWith('.png'))
      ?.split('/')
      .at(-1) ?? 'none.png'
  );
}

/** What has to be there by then, and is not told on the page. */
const BEFORE: readonly (readonly [RegExp, () => Promise<void>])[] = [
  [/^sideglance model install .* --config/, () => installBefore()],
  [/ --at /, () => must('sideglance model activate bracket@1.3.0')],
  [/^sideglance model accept add/, () => must('sideglance model activate bracket@1.4.0')],
  [/^sideglance model permit .* alice/, () => ship('1.2.0')],
  [/^sideglance calibrate --model bundle/, async () => copyModel('bundle')],
  [/^sideglance model pack models\/bracket --out/, async () => copyModel('models/bracket')],
];

function configure(station: object, more: object = {}): void {
  const config = { device: { site: 'ulm', line: 'press-3', name: 'edge-1' }, stations: [station], ...more };
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config));
}

async function inspect(): Promise<void> {
  const station = { name: 'top', camera: { type: 'simulated', defectShare: 0.5 }, deadlineMs: 60_000 };
  const commands = { enabled: true, allow: { pause: 'always' } };
  const daemon = await Daemon.start([station], { url: broker.url, more: { http: { port: httpPort }, commands } });
  await daemon.until('it inspects', () => /\btop\b.*FAIL/.test(daemon.lines));
}

/** That of the README. */
function copyModel(to: string): void {
  const from = join(folder, 'models', 'my-part');
  if (!existsSync(join(folder, to))) cpSync(from, join(folder, to), { recursive: true });
}

/** As the page has told to configure it, with the version that is in use by then. */
async function installBefore(): Promise<void> {
  const models = { keys: 'keys.json', trustClock: true, shifts: ['06:00', '14:00', '22:00'] };
  configure({ name: 'top', camera: { type: 'simulated' }, model: 'store:bracket' }, { models });
  await ship('1.3.0');
  await must('sideglance model install models/bracket-1.3.0 --config config.yaml');
}

async function ship(version: string): Promise<void> {
  const bundle = `models/bracket-${version}`;
  cpSync(join(folder, 'models', 'bracket'), join(folder, bundle), { recursive: true });
  const file = join(folder, bundle, MANIFEST_FILE);
  for (const name of readdirSync(join(folder, bundle))) {
    if (name.endsWith('.minisig')) rmSync(join(folder, bundle, name));
  }
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version }));
  for (const key of ['alice', 'bob']) {
    await must(`sideglance model sign ${bundle} --key ${key}.key --password-file ${key}.password`);
  }
}

export interface WalkOptions {
  /** Whose pairs of keys are there before. */
  readonly keys: readonly string[];
  /** Whether a daemon inspects meanwhile. */
  readonly isLive: boolean;
}

export function walkThrough(pages: readonly string[], { keys, isLive }: WalkOptions): void {
  describe('the commands of the docs do what they are to do', { skip: withoutMosquitto }, () => {
    before(async () => {
      mkdirSync(join(folder, 'bin'));
      const program = join(folder, 'bin', 'sideglance');
      writeFileSync(
        program,
        `#!/bin/sh\nexec '${process.execPath}' '${join(PACKAGE_ROOT, 'bin', 'sideglance.mjs')}' "$@"\n`,
      );
      chmodSync(program, 0o755);
      for (const name of ['alice', 'bob', 'carol', 'dave'])
        writeFileSync(join(folder, `${name}.password`), `${name}\n`);
      const parts = ['--good', '24', '--test-good', '4', '--defective', '4', '--size', '128'];
      const { code, stderr } = await sideglance(['simulate', '--out', join(folder, 'my-part'), ...parts]);
      assert.equal(code, 0, stderr);
      const good = join(folder, 'my-part', 'train', 'good');
      for (const name of ['good-parts', 'cloth', 'line', 'seen-on-the-line'])
        cpSync(good, join(folder, name), { recursive: true });
      const [one, two] = readdirSync(good).map((name) => join(good, name)) as [string, string];
      for (const name of ['picture.png', 'good-1.png']) copyFileSync(one, join(folder, name));
      copyFileSync(two, join(folder, 'good-2.png'));
      const scratches = join(folder, 'my-part', 'test', 'scratch');
      copyFileSync(join(scratches, readdirSync(scratches)[0] as string), join(folder, 'scratch.png'));
      configure({ name: 'top', camera: { type: 'simulated' } });
      httpPort = await freePort();
      broker = await startMosquitto();
      if (isLive) await inspect();
      for (const name of keys) {
        await must(`sideglance model keygen --out ${name} --password-file ${name}.password`);
      }
    });
    after(async () => {
      await broker.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    for (const page of pages) {
      const lines = commandLinesOf(page);
      if (lines.length === 0) continue;
      it(`in ${page}`, async (context) => {
        const prepared = new Set<RegExp>();
        for (const { place, text } of lines) {
          const elsewhere = ELSEWHERE.find(([pattern]) => pattern.test(text));
          if (elsewhere) {
            assert.ok(existsSync(join(PACKAGE_ROOT, elsewhere[1])), elsewhere[1]);
            context.diagnostic(`${place}: ${text}: by ${elsewhere[1]}`);
            continue;
          }
          for (const [pattern, prepare] of BEFORE) {
            if (!pattern.test(text) || prepared.has(pattern)) continue;
            prepared.add(pattern);
            await prepare();
          }
          const { code, said } = await run(instead(text));
          assert.ok(
            code === 0 || (code === TIMED_OUT && /^mosquitto_sub/.test(text)),
            `${place}: ${text}: ${code}\n${said}`,
          );
        }
      });
    }
  });
}

async function must(command: string): Promise<void> {
  const { code, said } = await run(command);
  assert.equal(code, 0, `${command}: ${said}`);
}

function run(command: string): Promise<{ readonly code: number | null; readonly said: string }> {
  const child = spawn('sh', ['-c', command], {
    cwd: folder,
    env: { ...process.env, PATH: [join(folder, 'bin'), process.env.PATH].join(delimiter) },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
    killSignal: 'SIGKILL',
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  return new Promise((done) => child.once('close', (code) => done({ code, said })));
}
