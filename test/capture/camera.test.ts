import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PixelFormat } from '../../src/types.js';
import { openFiles, QUICK, threads, watch } from './harness.js';

const LIVE = 'videotestsrc is-live=true pattern=solid-color foreground-color=0xff204060';

describe('a camera', () => {
  const shapes: [format: PixelFormat, width: number, stride: number, pixel: number[]][] = [
    // videotestsrc draws grey in the range of television: 16 + 0.257 R + 0.504 G + 0.098 B.
    ['GRAY8', 641, 644, [66]],
    ['RGB', 333, 1000, [0x20, 0x40, 0x60]],
    ['BGRx', 33, 132, [0x60, 0x40, 0x20]],
  ];
  for (const [format, width, stride, pixel] of shapes) {
    it(`delivers ${format} frames of ${width} pixels in rows of ${stride} bytes`, async () => {
      const caps = `video/x-raw,format=${format},width=${width},height=20,framerate=100/1`;
      const { camera, frames } = await watch({ pipeline: `${LIVE} ! ${caps}`, format });
      try {
        for (const { picture } of await frames(3)) {
          assert.deepEqual([picture.format, picture.width, picture.height], [format, width, 20]);
          assert.equal(picture.stride, stride);
          assert.equal(picture.data.length, stride * 20);
          const step = format === 'GRAY8' ? 1 : format === 'RGB' ? 3 : 4;
          for (const [x, y] of [
            [0, 0],
            [width - 1, 0],
            [0, 19],
            [width - 1, 19],
          ] as const) {
            const at = y * stride + x * step;
            assert.deepEqual([...picture.data.subarray(at, at + pixel.length)], pixel, `pixel ${x}, ${y}`);
          }
        }
      } finally {
        await camera.close();
      }
    });
  }

  it('converts what the source delivers to the format that was asked for', async () => {
    const source = 'videotestsrc num-buffers=1 pattern=red ! video/x-raw,format=YUY2,width=64,height=8';
    const { camera, frames } = await watch({ pipeline: source, format: 'RGB' });
    try {
      const { picture } = (await frames(1))[0]!;
      const [red = 0, green = 255, blue = 255] = picture.data;
      assert.ok(red > 250 && green < 5 && blue < 5, `${red}, ${green}, ${blue}`);
    } finally {
      await camera.close();
    }
  });

  it('counts its frames, with time stamps that only grow', async () => {
    const { camera, frames, events } = await watch({
      pipeline: `${LIVE} ! video/x-raw,width=32,height=8,framerate=100/1`,
      format: 'GRAY8',
    });
    try {
      const seen = await frames(10);
      assert.deepEqual(
        seen.map((frame) => frame.sequence),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      );
      for (const [earlier, later] of seen.slice(1).map((frame, at) => [seen[at]!, frame] as const)) {
        assert.ok(later.ptsNs! > earlier.ptsNs!);
        assert.ok(later.captured.monotonicMs > earlier.captured.monotonicMs);
      }
      const now = Date.now();
      const age = now - Date.parse(seen.at(-1)!.captured.utc);
      assert.ok(age >= 0 && age < 2000, `captured ${age} ms ago`);
      assert.deepEqual(
        events.map((event) => event.state),
        ['opening', 'running'],
      );
    } finally {
      await camera.close();
    }
  });

  it('hands out the newest frame and counts those that nobody looked at', async () => {
    const { camera, frames } = await watch({
      pipeline: `${LIVE} ! video/x-raw,width=32,height=8,framerate=100/1`,
      format: 'GRAY8',
    });
    try {
      const first = (await frames(1))[0]!;
      await new Promise((done) => setTimeout(done, 250));
      const [second, third] = await frames(2);
      assert.ok(second!.skipped >= 15, `${second!.skipped} skipped in 250 ms at 100 frames a second`);
      const lost = Number(second!.ptsNs! - first.ptsNs!) / 1e7 - 1;
      assert.equal(second!.skipped, Math.round(lost));
      assert.ok(third!.captured.monotonicMs - second!.captured.monotonicMs < 100, 'nothing old was kept');
    } finally {
      await camera.close();
    }
  });

  it('keeps as many frames as may wait, and counts those beyond', async () => {
    const { camera, frames } = await watch({
      pipeline: `${LIVE} ! video/x-raw,width=32,height=8,framerate=100/1`,
      format: 'GRAY8',
      queue: 8,
    });
    try {
      await frames(1);
      await new Promise((done) => setTimeout(done, 500));
      const kept = await frames(8);
      const [first, ...others] = kept.map(({ skipped }) => skipped);
      assert.ok(first! >= 15, `${first} skipped in 500 ms at 100 frames a second`);
      assert.deepEqual(others, [0, 0, 0, 0, 0, 0, 0]);
      const ages = kept.map(({ captured }) => captured.monotonicMs);
      const apart = ages.map((ms, i) => ms - (ages[i - 1] ?? ms - 10));
      assert.ok(
        apart.every((ms) => ms > 0),
        `taken one after the other: ${ages}`,
      );
      assert.ok(ages.at(-1)! - ages[0]! > 30, 'each with the time when it was taken');
    } finally {
      await camera.close();
    }
  });

  it('loses no frame when every frame is a part', async () => {
    const { camera, frames, until } = await watch({
      pipeline: 'videotestsrc num-buffers=40 ! video/x-raw,width=32,height=8',
      format: 'GRAY8',
      lossless: true,
      whenEnded: 'stop',
    });
    try {
      const seen = await frames(40);
      assert.equal(
        seen.reduce((sum, frame) => sum + frame.skipped, 0),
        0,
      );
      assert.equal((await until('ended')).reason, 'end of stream');
      assert.equal(await camera.next(), null);
      assert.equal(camera.state, 'ended');
    } finally {
      await camera.close();
    }
  });

  it('takes the end of a stream for an outage unless told otherwise, and opens it again', async () => {
    const { camera, frames, events } = await watch({
      pipeline: 'videotestsrc num-buffers=2 ! video/x-raw,width=32,height=8',
      format: 'GRAY8',
      lossless: true,
    });
    try {
      assert.deepEqual(
        (await frames(5)).map((frame) => frame.sequence),
        [0, 1, 2, 3, 4],
      );
      const states = events.map((event) => event.state).slice(0, 6);
      assert.deepEqual(states, ['opening', 'running', 'ended', 'opening', 'running', 'ended']);
    } finally {
      await camera.close();
    }
  });

  it("is lost with the element's own words, says so once, and tries again", async () => {
    const { camera, until, events } = await watch({
      pipeline: 'filesrc location=/nowhere/part.png ! pngdec',
      format: 'RGB',
    });
    try {
      const { reason } = await until('lost');
      assert.match(reason!, /filesrc\d+: .*No such file "\/nowhere\/part\.png"/);
      for (const end = performance.now() + 500; performance.now() < end; ) assert.equal(await camera.next(), null);
      assert.deepEqual(
        events.map((event) => event.state),
        ['opening', 'lost'],
      );
    } finally {
      await camera.close();
    }
  });

  it('is lost when one branch of its pipeline fails, even while another still delivers', async () => {
    const failing = 'videotestsrc is-live=true ! identity error-after=5 ! fakesink';
    const living = `${LIVE} ! video/x-raw,width=32,height=8,framerate=100/1`;
    const { camera, until } = await watch({ pipeline: `${failing}  ${living}`, format: 'GRAY8' });
    try {
      assert.match((await until('lost')).reason!, /^identity\d+: Failed after iterations as requested/);
    } finally {
      await camera.close();
    }
  });

  it('is silent, then lost, when the pipeline runs and no frame comes', async () => {
    const { camera, until } = await watch({ pipeline: `${LIVE} ! valve drop=true`, format: 'GRAY8' });
    try {
      assert.match((await until('silent')).reason!, /^no frame for 0\.\d s though the pipeline runs$/);
      assert.match((await until('lost')).reason!, /^no frame for \d\.\d s though the pipeline runs$/);
    } finally {
      await camera.close();
    }
  });

  it('never opens a line again that may stand still', async () => {
    const { camera, events } = await watch({
      pipeline: `${LIVE} ! valve drop=true`,
      format: 'GRAY8',
      limits: { ...QUICK, silentAfterMs: 100, stallAfterMs: Number.POSITIVE_INFINITY },
    });
    try {
      for (const end = performance.now() + 600; performance.now() < end; ) await camera.next();
      assert.deepEqual(
        events.map((event) => event.state),
        ['opening', 'silent'],
      );
    } finally {
      await camera.close();
    }
  });
});

describe('a pipeline that can never work', () => {
  const faults: [what: string, pipeline: string, expected: RegExp][] = [
    ['an unknown element', 'nosuchsource ! identity', /no element "nosuchsource".*is `nosuchsource` spelt right/],
    ['an element of a missing package', 'nvarguscamerasrc ! nvvidconv', /`nvarguscamerasrc` comes with nvidia-l4t/],
    ['a syntax error', 'videotestsrc ! ! identity', /syntax error/],
    ['an unknown property', 'videotestsrc colour=red', /no property "colour" in element "videotestsrc/],
    ['elements that do not fit', 'audiotestsrc ! audioconvert', /could not link/],
    [
      'frames in memory of the GPU',
      'videotestsrc ! video/x-raw(memory:NVMM),width=64',
      /nvvidconv ! video\/x-raw,format=BGRx/,
    ],
    ['no text at all', '', /cannot be built/],
  ];
  for (const [what, pipeline, expected] of faults) {
    it(`is refused at once: ${what}`, async () => {
      const { camera, until } = await watch({ pipeline, format: 'RGB' });
      try {
        const refused = { code: 'SG_CAMERA_PIPELINE', message: expected };
        await assert.rejects(until('running'), refused);
        await assert.rejects(camera.next(), refused, 'and again when asked again');
      } finally {
        await camera.close();
      }
    });
  }

  it('does not give away a password', async () => {
    const pipeline = 'rtspsrc location=rtsp://line:secret@127.0.0.1/x user-pw=secret ! nosuchdecoder';
    const { camera, until } = await watch({ pipeline, format: 'RGB' });
    await assert.rejects(until('running'), (error: Error) => !error.message.includes('secret'));
    await camera.close();
  });
});

describe('closing a camera', () => {
  it('leaves no file and no thread behind, twenty times over', async () => {
    const once = async () => {
      const { camera, frames } = await watch({
        pipeline: `${LIVE} ! video/x-raw,width=32,height=8,framerate=100/1 ! queue`,
        format: 'RGB',
      });
      await frames(2);
      await camera.close();
    };
    for (let warm = 0; warm < 3; warm++) await once();
    const before = { files: openFiles(), threads: threads() };
    for (let round = 0; round < 20; round++) await once();
    assert.equal(openFiles(), before.files);
    // Pools of GLib and Node may grow by a thread or two at any moment; a leak would show twenty.
    assert.ok(threads() < before.threads + 5, `${threads()} threads, ${before.threads} before`);
  });

  it('is prompt in the middle of a pull, and the pull ends too', async () => {
    const { camera } = await watch({ pipeline: `${LIVE} ! valve drop=true`, format: 'RGB' });
    await camera.next();
    await camera.next();
    const pending = camera.next();
    const started = performance.now();
    await camera.close();
    assert.ok(performance.now() - started < 1500);
    assert.equal(await pending, null);
    assert.equal(await camera.next(), null, 'a closed camera has no frames');
    await camera.close();
  });

  it('works before the first frame was asked for, and while the camera is being opened', async () => {
    const untouched = await watch({ pipeline: LIVE, format: 'RGB' });
    await untouched.camera.close();
    const opening = await watch({ pipeline: LIVE, format: 'RGB' });
    await opening.camera.next();
    await opening.camera.close();
    assert.equal(await opening.camera.next(), null);
  });

  it('refuses two questions at once', async () => {
    const { camera } = await watch({ pipeline: LIVE, format: 'RGB' });
    await camera.next();
    const first = camera.next();
    await assert.rejects(camera.next(), /still waiting/);
    await first;
    await camera.close();
  });
});
