import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadConfig, redact } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import { SideglanceError } from '../../src/errors.js';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sideglance-config-'));
  mkdirSync(join(folder, 'bundle'));
  mkdirSync(join(folder, 'empty'));
  mkdirSync(join(folder, 'images'));
  writeFileSync(join(folder, 'bundle', 'manifest.json'), '{}');
  writeFileSync(join(folder, 'password'), 'sesame\n');
  writeFileSync(join(folder, 'ca.pem'), '');
  writeFileSync(join(folder, 'keys.json'), '');
});
after(() => rmSync(folder, { recursive: true, force: true }));

const DEVICE = 'device: { site: s, line: l, name: n }\n';
const STATION = 'stations:\n  - name: a\n    model: bundle\n    camera: { type: simulated }\n';

function load(text: string): Config {
  const file = join(folder, 'config.yaml');
  writeFileSync(file, text);
  return loadConfig(file);
}

/** The faults of a text, each as `LINE:COLUMN path message`. */
function faultsOf(text: string): string[] {
  try {
    load(text);
  } catch (thrown) {
    assert.ok(thrown instanceof SideglanceError, String(thrown));
    assert.equal(thrown.code, 'SG_CONFIG_INVALID');
    const label = `${join(folder, 'config.yaml')}:`;
    const [headline, ...lines] = thrown.message.split('\n');
    assert.match(headline!, /^the configuration has (a fault|\d+ faults):$/);
    for (const line of lines) assert.ok(line.startsWith(label), line);
    return lines.map((line) => line.slice(label.length));
  }
  return [];
}

describe('a secret that systemd hands over', () => {
  const text = `${DEVICE}mqtt: { url: "mqtt://h", username: u, passwordFile: "credential:mqtt-password" }\n${STATION}`;
  const withCredentials = <T>(folder: string | undefined, work: () => T): T => {
    const before = process.env.CREDENTIALS_DIRECTORY;
    if (folder === undefined) delete process.env.CREDENTIALS_DIRECTORY;
    else process.env.CREDENTIALS_DIRECTORY = folder;
    try {
      return work();
    } finally {
      if (before === undefined) delete process.env.CREDENTIALS_DIRECTORY;
      else process.env.CREDENTIALS_DIRECTORY = before;
    }
  };

  it('is read from the folder of the credentials, a password and a key alike', () => {
    writeFileSync(join(folder, 'mqtt-password'), 'open\n');
    assert.equal(withCredentials(folder, () => load(text)).mqtt.password, 'open');
    const tls = text.replace('mqtt://h', 'mqtts://h').replace('username', 'tls: { ca: "credential:ca.pem" }, username');
    writeFileSync(join(folder, 'ca.pem'), 'x');
    assert.equal(withCredentials(folder, () => load(tls)).mqtt.tls?.ca, join(folder, 'ca.pem'));
  });

  it('is a fault of the configuration where it is absent, empty or not handed over', () => {
    const faults = (where: string | undefined) => withCredentials(where, () => faultsOf(text)).join();
    assert.match(faults(undefined), /^2:\d+ mqtt.passwordFile the credential mqtt-password .* CREDENTIALS_DIRECTORY/);
    // As the unit makes it where there is no file.
    writeFileSync(join(folder, 'mqtt-password'), '\n');
    assert.match(faults(folder), /the credential mqtt-password is empty/);
    assert.match(faults(join(folder, 'bundle')), /cannot be read/);
  });
});

describe('a configuration that is right', () => {
  it('finds models in the store, installed or not', () => {
    const stored = STATION.replace('model: bundle', 'model: store:bracket');
    const { stations, models } = load(`${DEVICE}${stored}models: { store: store, keys: keys.json }\n`);
    assert.equal(stations[0]?.model, join(folder, 'store', 'bracket'));
    assert.deepEqual(models, {
      keys: join(folder, 'keys.json'),
      store: join(folder, 'store'),
      keep: 2,
      maxBundleMb: 1024,
      maxMemoryMb: 4096,
      download: { from: [] },
      probationMinutes: 10,
      confirm: 'auto',
      shifts: [],
      idleSeconds: 60,
      shadow: { parts: 0, minutes: 0, leastAgreement: 0.95, promote: 'auto' },
      probationCompare: false,
      toleratedDisagreement: 0.02,
      trustClock: false,
    });
  });

  it('has a store beside it, or where the service keeps what is its own', () => {
    const before = { ...process.env };
    try {
      delete process.env.STATE_DIRECTORY;
      assert.equal(load(DEVICE + STATION).models.store, join(folder, 'var', 'models'));
      process.env.STATE_DIRECTORY = '/var/lib/sideglance:/elsewhere';
      assert.equal(load(DEVICE + STATION).models.store, '/var/lib/sideglance/models');
    } finally {
      process.env = before;
    }
  });

  it('gets every default filled in, and absolute paths', () => {
    const config = load(DEVICE + STATION);
    assert.equal(config.file, join(folder, 'config.yaml'));
    const [station] = config.stations;
    assert.equal(station?.model, join(folder, 'bundle'));
    assert.deepEqual(station?.regions, []);
    assert.deepEqual(station?.threshold, { falseRejectRate: 0.005 });
    assert.deepEqual(station?.publish, {
      maps: { when: 'always', form: 'png8', perSecond: 'unlimited' },
      frames: 'fail',
    });
    assert.equal(station?.camera.format, 'RGB');
    assert.deepEqual(config.mqtt.embedded, { host: '127.0.0.1', port: 11883 });
    assert.deepEqual(config.infer.providers, ['cpu']);
    assert.ok(config.infer.threads >= 1);
    assert.equal(config.log.level, 'info');
  });

  it('survives the structured clone that hands a station its part', () => {
    const config = load(DEVICE + STATION);
    assert.deepEqual(structuredClone(config), config);
  });

  it('takes passwords from files and never shows them', () => {
    const config = load(
      `${DEVICE}mqtt:\n  url: mqtts://broker:8883\n  username: u\n  passwordFile: password\n  tls: { ca: ca.pem }\n` +
        'stations:\n  - name: a\n    model: bundle\n    camera: { type: rtsp, url: "rtsp://cam/1", username: u, passwordFile: password }\n',
    );
    assert.equal(config.mqtt.password, 'sesame');
    assert.deepEqual(config.mqtt.tls, { ca: join(folder, 'ca.pem') });
    const camera = config.stations[0]?.camera;
    assert.ok(camera?.type === 'rtsp');
    assert.equal(camera.password, 'sesame');
    assert.doesNotMatch(JSON.stringify(redact(config)), /sesame/);
  });

  it('may share a part between stations by an anchor', () => {
    const config = load(
      `${DEVICE}stations:\n  - name: a\n    model: &m bundle\n    camera: &c { type: simulated }\n  - { name: b, model: *m, camera: *c }\n`,
    );
    assert.equal(config.stations[1]?.model, join(folder, 'bundle'));
  });

  it('divides the cores among the stations unless threads are given', () => {
    assert.equal(load(`${DEVICE}infer: { threads: 3 }\n${STATION}`).infer.threads, 3);
  });
});

const station = (rest: string) => `${DEVICE}stations:\n  - name: a\n    model: bundle\n    ${rest}\n`;
const simulated = 'camera: { type: simulated }';

/** Each text and every fault it has. */
const CASES: readonly (readonly [behaviour: string, text: string, faults: readonly (string | RegExp)[]])[] = [
  ['an empty file', '', ['1:1 device is missing', '1:1 stations is missing']],
  ['a list instead of a group', '- a\n', [/^1:1 must be a group of keys, is a list/]],
  ['broken YAML', 'device: {site: s\nstations: [\n', [/^2:1 Flow map/, /^3:1 Flow sequence/]],
  ['a key twice', `${DEVICE}${DEVICE}${STATION}`, ['2:1 stands here a second time']],
  [
    'a misspelt key, with the right one',
    `${DEVICE}statoins: []\n${STATION}`,
    ['2:1 statoins is not a known key; did you mean `stations`?'],
  ],
  [
    'a misspelt key in a camera preset',
    station('camera:\n      type: v4l2\n      frames_per_second: 3'),
    ['7:7 stations[0].camera.frames_per_second is not a known key; did you mean `framesPerSecond`?'],
  ],
  [
    'a key that no preset has, with those that there are',
    station('camera: { type: pipeline, pipeline: videotestsrc, colour: 1 }'),
    [
      '5:55 stations[0].camera.colour is not a known key; known here: type, format, silentAfterMs, reopenAfterMs, queue, pipeline, lossless',
    ],
  ],
  [
    'an unknown preset',
    station('camera: { type: gigge }'),
    [
      '5:21 stations[0].camera.type must be simulated, v4l2, rtsp, gige, csi, files or pipeline, is "gigge"; did you mean gige?',
    ],
  ],
  ['no preset', station('camera: { format: RGB }'), [/^5:13 stations\[0\].camera.type is missing: simulated, /]],
  ['no value', station('camera:'), [/^5:12 stations\[0\].camera must be a group of keys, is empty/]],
  [
    'a wrong pixel format',
    station('camera: { type: simulated, format: rgb }'),
    ['5:40 stations[0].camera.format must be GRAY8, RGB or BGRx, is "rgb"; did you mean RGB?'],
  ],
  [
    'two stations of one name',
    `${DEVICE}${STATION}  - name: a\n    model: bundle\n    ${simulated}\n`,
    ['6:11 stations[1].name station 2 has the name of station 1: "a"'],
  ],
  [
    'two regions of one name',
    station(
      `${simulated}\n    regions:\n      - { name: r, x: 0, y: 0, width: 1, height: 1 }\n      - { name: r, x: 0, y: 0, width: 1, height: 1 }`,
    ),
    ['8:17 stations[0].regions[1].name region 2 has the name of region 1: "r"'],
  ],
  [
    'regions without size, or outside on the left',
    station(`${simulated}\n    regions:\n      - { name: r, x: -1, y: 0.5, width: 0, height: "9" }`),
    [
      '7:23 stations[0].regions[0].x must be at least 0, is -1',
      '7:30 stations[0].regions[0].y must be a whole number, is 0.5',
      '7:42 stations[0].regions[0].width must be at least 1, is 0',
      '7:53 stations[0].regions[0].height must be a number, is text',
    ],
  ],
  [
    'a false reject rate of nothing',
    station(`${simulated}\n    threshold: { falseRejectRate: 0 }`),
    ['6:35 stations[0].threshold.falseRejectRate must be greater than 0, is 0'],
  ],
  [
    'a threshold of both kinds',
    station(`${simulated}\n    threshold: { falseRejectRate: 0.1, score: 3 }`),
    ['6:16 stations[0].threshold needs exactly one of `falseRejectRate` and `score`'],
  ],
  [
    'a threshold of neither kind',
    station(`${simulated}\n    threshold: {}`),
    ['6:16 stations[0].threshold needs exactly one of `falseRejectRate` and `score`'],
  ],
  [
    'a name that is no MQTT topic level',
    `device: { site: a/b, line: "#", name: n }\n${STATION}`,
    [/^1:17 device\.site must be 1 to 64 letters/, /^1:28 device\.line must be/],
  ],
  [
    'a name of few characters and many bytes',
    `device: { site: ${'検'.repeat(50)}, line: l, name: n }\n${STATION}`,
    ['1:17 device.site must not be longer than 128 bytes in UTF-8'],
  ],
  [
    'a station name that is a topic of the device',
    `${DEVICE}stations:\n  - name: status\n    model: bundle\n    ${simulated}\n`,
    [/^3:11 stations\[0\]\.name must not be one of answer, audit, command, health, model, status, update/],
  ],
  [
    'a model that does not exist, and a folder that is none',
    `${DEVICE}stations:\n  - { name: a, model: nowhere, ${simulated} }\n  - { name: b, model: empty, ${simulated} }\n`,
    [
      /^3:23 stations\[0\]\.model .*nowhere does not exist; make one with `sideglance train`$/,
      /^4:23 stations\[1\]\.model .*empty is not a model bundle \(no manifest\.json in it\)/,
    ],
  ],
  [
    'a model of the store without a right id, and keys that are not there',
    `${DEVICE}models: { keys: none.json }\nstations:\n  - { name: a, model: "store:", ${simulated} }\n  - { name: b, model: "store:../x", ${simulated} }\n`,
    [
      /^2:17 models\.keys cannot be read/,
      '4:23 stations[0].model must be store: and the id of a model, such as store:bracket',
      '5:23 stations[1].model must be store: and the id of a model, such as store:bracket',
    ],
  ],
  [
    'places that bundles cannot be fetched from, and secrets that are not there',
    `${DEVICE}models:\n  download:\n    from: [ "ftp://h/", "https://u:sesame@h/", "https://h/?a=b" ]\n    proxy: socks5://p\n    authorizationFile: none\n${STATION}`,
    [
      '4:13 models.download.from[0] must be https://host or http://host',
      '4:25 models.download.from[1] must not hold a user or a password: use `authorizationFile`, addresses are logged',
      '4:48 models.download.from[2] must end before any ? or #: every address below it is meant',
      '5:12 models.download.proxy must be http://host or https://host',
      /^6:24 models\.download\.authorizationFile cannot be read/,
    ],
  ],
  [
    'a password in an address, without showing it',
    `${DEVICE}mqtt:\n  url: mqtt://u:sesame@host\n${STATION}`,
    ['3:8 mqtt.url must not hold a user or a password: use `username` and `passwordFile`, addresses are logged'],
  ],
  [
    'an address of another kind',
    `${DEVICE}mqtt: { url: "http://h" }\n${STATION}`,
    [/^2:14 mqtt\.url must be mqtt:\/\/host or/],
  ],
  [
    'a broker that stands in for none',
    `${DEVICE}mqtt: { fallbackUrls: ["mqtt://h"] }\n${STATION}`,
    [/^2:\d+ mqtt\.fallbackUrls has no effect without `mqtt\.url`/],
  ],
  [
    'a broker that stands in for itself, and one with a password in its address',
    `${DEVICE}mqtt: { url: "mqtt://h", fallbackUrls: ["mqtt://u:sesame@i", "mqtt://h"] }\n${STATION}`,
    [
      /^2:\d+ mqtt\.fallbackUrls\[0\] must not hold a user or a password/,
      /^2:\d+ mqtt\.fallbackUrls\[1\] stands in the list a second time/,
    ],
  ],
  [
    'a delayed will that would come at once, and what MQTT 3.1.1 does not know',
    `${DEVICE}mqtt: { session: { willDelaySeconds: 30, expirySeconds: 60 } }\n${STATION}`,
    [/^2:\d+ mqtt\.session\.willDelaySeconds needs `cleanStart: false` and `expirySeconds` of at least 30/],
  ],
  [
    'a session that expires in MQTT 3.1.1',
    `${DEVICE}mqtt: { protocolVersion: 4, session: { cleanStart: false, expirySeconds: 60 } }\n${STATION}`,
    [/^2:\d+ mqtt\.session\.expirySeconds has no effect with `protocolVersion: 4`/],
  ],
  [
    'a camera that nothing triggers, with times that triggers do not keep',
    `${DEVICE}stations: [{ name: top, camera: { type: gige, trigger: Software, framesPerSecond: 5, reopenAfterMs: 9000 } }]`,
    [
      /^2:\d+ stations\[0\]\.trigger must be `command`: nothing else triggers a camera with `trigger: Software`/,
      /^2:\d+ stations\[0\]\.camera\.framesPerSecond has no effect with `trigger`/,
      /^2:\d+ stations\[0\]\.camera\.reopenAfterMs has no effect with `trigger`/,
    ],
  ],
  [
    'credentials that nobody asks for',
    `${DEVICE}mqtt: { username: u }\n${STATION}`,
    [/^2:19 mqtt\.username has no effect without `mqtt\.url`/],
  ],
  [
    'TLS files on an open connection, half a key pair, a missing file',
    `${DEVICE}mqtt: { url: "mqtt://h", tls: { ca: none.pem, cert: ca.pem } }\n${STATION}`,
    [
      /^2:31 mqtt\.tls has no effect on an unencrypted connection/,
      /^2:31 mqtt\.tls needs both `cert` and `key`/,
      /^2:37 mqtt\.tls\.ca cannot be read: ENOENT/,
    ],
  ],
  [
    'a password file beside a password, and no user',
    `${DEVICE}mqtt: { url: "mqtt://h", password: sesame, passwordFile: password }\n${STATION}`,
    [/passwordFile cannot stand beside `password`/, /passwordFile needs a `username`/],
  ],
  [
    'a time that is out of range where a word would do',
    station('camera: { type: simulated, silentAfterMs: 5 }'),
    ['5:47 stations[0].camera.silentAfterMs must be at least 100, is 5'],
  ],
  [
    'a camera opened again before it counts as silent',
    station('camera: { type: simulated, silentAfterMs: 500, reopenAfterMs: 200 }'),
    ['5:67 stations[0].camera.reopenAfterMs must not be less than `silentAfterMs` (500), is 200'],
  ],
  [
    'a word where another would do',
    station('camera: { type: simulated, silentAfterMs: nevr }'),
    [/^5:47 stations\[0\]\.camera\.silentAfterMs must be never or a .*number, is "nevr"; did you mean never\?/],
  ],
  [
    'a provider twice, and one that is none',
    `${DEVICE}infer: { providers: [cpu, cpu, tensorRT], require: cuda }\n${STATION}`,
    [
      '2:27 infer.providers[1] stands in the list a second time',
      '2:32 infer.providers[2] must be cpu, cuda or tensorrt, is "tensorRT"; did you mean tensorrt?',
      '2:52 infer.require asks for cuda, which `infer.providers` does not name',
    ],
  ],
  [
    'settings of TensorRT that do not fit each other, and options that sideglance sets',
    `${DEVICE}infer: { tensorrt: { precision: int8, options: { trt_fp16_enable: 1, trt_dla_enable: true } }, cuda: { options: { use_tf32: 1 } } }\n${STATION}`,
    [
      '2:33 infer.tensorrt.precision int8 needs a `calibrationTable`',
      '2:50 infer.tensorrt.options.trt_fp16_enable cannot stand here: `infer.tensorrt` has a key for it, or sideglance sets it',
      /^2:\d+ infer\.cuda\.options\.use_tf32 cannot stand here/,
    ],
  ],
  [
    'commands that are allowed for a station that there is not, and answers to topics that are none',
    `${DEVICE}commands: { allow: { pause: [b], model.install: [a] }, respondTo: ["plant/#", "ok/ok"] }\n${STATION}`,
    [
      '2:30 commands.allow.pause[0] there is no station b',
      /^2:\d+ commands\.allow\.model\.install must be never or always/,
      /^2:\d+ commands\.respondTo\[0\] must be a topic such as/,
    ],
  ],
  [
    'a session that keeps commands which need not expire',
    `${DEVICE}mqtt: { session: { cleanStart: false } }\ncommands: { enabled: true }\n${STATION}`,
    [/^2:\d+ mqtt\.session\.cleanStart lets the broker keep commands .* set commands\.mustExpire: true/],
  ],
  [
    'faults of every kind in one go, in the order of the file',
    `device: { site: s, line: l, nam: n }\nmqtt: { url: "mqtt://u:p@h" }\nstations:\n  - { name: a, model: none, camera: { type: csi, sensor: 99 } }\n  - { name: a, model: bundle, ${simulated} }\n`,
    [/^1:9 device\.name is missing/, /^1:29 device\.nam is/, /^2:14 /, /^4:23 /, /^4:58 /, /^5:13 /],
  ],
];

describe('a configuration with faults is refused, each with its place', () => {
  for (const [behaviour, text, expected] of CASES) {
    it(behaviour, () => {
      const faults = faultsOf(text);
      assert.equal(faults.length, expected.length, faults.join('\n'));
      expected.forEach((one, i) => {
        if (typeof one === 'string') assert.equal(faults[i], one);
        else assert.match(faults[i] ?? '', one);
      });
      assert.doesNotMatch(faults.join(), /sesame/);
    });
  }

  it('a file that is not there is an error of its own', () => {
    assert.throws(() => loadConfig(join(folder, 'none.yaml')), { code: 'SG_CONFIG_UNREADABLE' });
  });
});
