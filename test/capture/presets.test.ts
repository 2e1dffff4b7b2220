import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import {
  csiPipeline,
  gigePipeline,
  imageFilePipeline,
  quote,
  rtspPipeline,
  simulatedPipeline,
  v4l2Pipeline,
} from '../../src/capture/presets.js';
import { watch } from './harness.js';

describe('the presets', () => {
  it('write a v4l2 camera', () => {
    assert.equal(v4l2Pipeline({ device: '/dev/video0' }), 'v4l2src device="/dev/video0" ! video/x-raw');
    assert.equal(
      v4l2Pipeline({ device: '/dev/video2', width: 1280, height: 720, framesPerSecond: 29.97, encoding: 'mjpeg' }),
      'v4l2src device="/dev/video2" ! image/jpeg,width=1280,height=720,framerate=2997/100 ! jpegdec',
    );
  });

  it('write an RTSP camera', () => {
    assert.equal(
      rtspPipeline({ url: 'rtsp://10.0.0.7/live', latencyMs: 50, codec: 'h264' }),
      'rtspsrc location="rtsp://10.0.0.7/live" protocols=tcp latency=50 drop-on-latency=true ' +
        '! application/x-rtp,media=video ! rtph264depay ! h264parse ! decodebin',
    );
    const onJetson = rtspPipeline({
      url: 'rtsp://a/b',
      username: 'u',
      password: 'p w',
      transport: 'udp',
      jetson: true,
    });
    assert.match(onJetson, /user-id="u" user-pw="p w" protocols=udp/);
    assert.match(onJetson, /decodebin ! nvvidconv ! video\/x-raw,format=BGRx$/);
  });

  it('write a GigE Vision camera, with a packet size that passes everywhere', () => {
    assert.equal(
      gigePipeline({ camera: '10.0.0.8', width: 512, framesPerSecond: 25, exposureMicroseconds: 900, gainDb: 0 }),
      'aravissrc name=gige camera-name="10.0.0.8" packet-size=1400 exposure-auto=off exposure=900 gain-auto=off gain=0 ' +
        '! video/x-raw,format=GRAY8,width=512,framerate=25/1',
    );
    assert.equal(gigePipeline({ sensor: 'bayer' }), 'aravissrc name=gige packet-size=1400 ! video/x-bayer ! bayer2rgb');
  });

  it('write a CSI camera that leaves GPU memory', () => {
    assert.equal(
      csiPipeline({ sensor: 1, width: 1920, height: 1080, framesPerSecond: 30 }),
      'nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),width=1920,height=1080,framerate=30/1 ' +
        '! nvvidconv ! video/x-raw,format=BGRx',
    );
  });

  it('write the entrance of the simulated line', () => {
    assert.equal(
      simulatedPipeline({ width: 640, height: 480, format: 'RGB', partsPerSecond: 2.5 }),
      'appsrc name=simulated is-live=true format=time ' +
        'caps="video/x-raw,format=RGB,width=640,height=480,framerate=5/2"',
    );
  });

  it('refuse numbers that are none', () => {
    assert.throws(() => v4l2Pipeline({ device: '/dev/video0', width: 1.5 }), { code: 'SG_CAMERA_PIPELINE' });
    assert.throws(() => v4l2Pipeline({ device: '/dev/video0', framesPerSecond: 0 }), { code: 'SG_CAMERA_PIPELINE' });
    assert.throws(() => quote('a\0b'), { code: 'SG_CAMERA_PIPELINE' });
  });
});

describe('a value with special characters', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sideglance-presets-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const names = [
    'part 1.png',
    'a ! fakesink.png',
    'a" ! nosuchelement "b.png',
    '"quoted".png',
    "it's.png",
    'back\\slash.png',
    'ends in backslash.png\\',
    '50%d, größer = besser; (x).png',
    'two\nlines.png',
  ];
  for (const name of names) {
    it(`stays one value: ${JSON.stringify(name)}`, async () => {
      const path = join(folder, name);
      const image = sharp({ create: { width: 5, height: 4, channels: 3, background: '#102030' } });
      await image.png().toFile(path);
      const { camera, frames } = await watch({ pipeline: imageFilePipeline(path), format: 'RGB', whenEnded: 'stop' });
      try {
        const { picture } = (await frames(1, 3000))[0]!;
        assert.deepEqual([picture.width, picture.height], [5, 4]);
        assert.deepEqual([...picture.data.subarray(0, 3)], [0x10, 0x20, 0x30]);
      } finally {
        await camera.close();
      }
    });
  }

  it('stays one value at its beginning too', async () => {
    const { camera, until } = await watch({
      pipeline: `filesrc location=${quote('"a\\ ! b"')} ! pngdec`,
      format: 'RGB',
    });
    assert.match((await until('lost')).reason!, /No such file ""a\\ ! b""/);
    await camera.close();
  });
});
