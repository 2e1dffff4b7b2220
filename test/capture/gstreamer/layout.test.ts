import '../harness.js';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GStreamer, GstBuffer, GstCaps, GstElement } from '../../../src/capture/gstreamer/binding.js';
import { loadLibrary } from '../../../src/native/library.js';
import { outPointer, type Pointer, readString } from '../../../src/native/pointer.js';

// Loaded late, so that GLib sees G_DEBUG.
const { openGStreamer, takeError, takeText } = await import('../../../src/capture/gstreamer/binding.js');
const { BUFFER, G_ERROR, MESSAGE, MESSAGE_TYPE, NONE, STATE, VIDEO_INFO, VIDEO_META } = await import(
  '../../../src/capture/gstreamer/layout.js'
);

const libraries = { packageName: '-', fix: '-' };
const core = loadLibrary({ title: 'core', candidates: ['libgstreamer-1.0.so.0'], ...libraries });
const video = loadLibrary({ title: 'video', candidates: ['libgstvideo-1.0.so.0'], ...libraries });
const glib = loadLibrary({ title: 'glib', candidates: ['libglib-2.0.so.0'], ...libraries });

const capsFromText = core.declare<[text: string], GstCaps>('void *gst_caps_from_string(const char *text)');
const quark = glib.declare<[text: string], number>('uint32_t g_quark_from_string(const char *text)');
const newError = glib.declare<[domain: number, code: number, text: string], Pointer<'GError'>>(
  'void *g_error_new_literal(uint32_t domain, int code, const char *text)',
);

/** Runs with a buffer that GStreamer made itself. */
async function withBuffer(text: string, use: (gst: GStreamer, buffer: GstBuffer) => void): Promise<void> {
  const gst = await openGStreamer();
  const pipeline = (await gst.parseLaunch.offThread(
    `${text} ! appsink name=sink`,
    outPointer<'GError'>(),
  )) as GstElement;
  await gst.setState.offThread(pipeline, STATE.playing);
  const sink = gst.binGetByName(pipeline, 'sink') as GstElement;
  for (let frame = 0; frame < 2; frame++) {
    const sample = await gst.pullSample.offThread(sink, 5e9);
    assert.ok(sample !== null);
    if (frame === 1) use(gst, gst.sampleBuffer(sample) as GstBuffer);
    gst.unrefMini(sample);
  }
  await gst.setState.offThread(pipeline, STATE.null);
  gst.objectUnref(sink);
  await gst.objectUnref.offThread(pipeline);
}

describe('the structure offsets', () => {
  it('of a buffer are where videotestsrc puts its times and numbers', async () => {
    await withBuffer('videotestsrc ! video/x-raw,format=GRAY8,width=8,height=8,framerate=25/1', (_gst, buffer) => {
      assert.equal(BUFFER.pts(buffer), 40_000_000n);
      assert.equal(BUFFER.duration(buffer), 40_000_000n);
      assert.equal(BUFFER.offset(buffer), 1n);
      assert.equal(BUFFER.offsetEnd(buffer), 2n);
    });
  });

  it('of a new buffer hold "none" in every time, and what is written there arrives in a copy by GStreamer', async () => {
    const gst = await openGStreamer();
    const buffer = gst.bufferNew(null, 16, null) as GstBuffer;
    const fields = [BUFFER.pts, BUFFER.duration, BUFFER.offset, BUFFER.offsetEnd];
    assert.deepEqual(
      fields.map((field) => field(buffer)),
      [NONE, NONE, NONE, NONE],
    );
    BUFFER.setPts(buffer, 11n);
    BUFFER.setDuration(buffer, 12n);
    BUFFER.setOffset(buffer, 13n);
    BUFFER.setOffsetEnd(buffer, 14n);
    const copyRegion = core.declare<[buffer: GstBuffer, flags: number, offset: number, size: number], GstBuffer>(
      'void *gst_buffer_copy_region(void *buffer, int flags, size_t offset, size_t size)',
    );
    // GST_BUFFER_COPY_TIMESTAMPS = 2: times and numbers.
    const copy = copyRegion(buffer, 2, 0, 16);
    assert.deepEqual(
      fields.map((field) => field(copy)),
      [11n, 12n, 13n, 14n],
    );
    assert.equal(Number(gst.bufferSize(buffer)), 16, 'nothing else was written');
    gst.unrefMini(copy);
    gst.unrefMini(buffer);
  });

  it('of an error and a message are where GLib and GStreamer put them', async () => {
    const gst = await openGStreamer();
    const domain = quark('sideglance-test');
    const error = newError(domain, -7, 'Größe stimmt nicht');
    assert.equal(G_ERROR.domain(error), domain);
    assert.equal(G_ERROR.code(error), -7);
    assert.equal(readString(G_ERROR.message(error)), 'Größe stimmt nicht');
    const factory = core.declare<[factory: string, name: string], GstElement>(
      'void *gst_element_factory_make(const char *factory, const char *name)',
    );
    const element = factory('identity', 'origin');
    const newMessage = core.declare<
      [source: GstElement, error: Pointer<'GError'>, debug: string],
      Pointer<'GstMessage'>
    >('void *gst_message_new_error(void *source, void *error, const char *debug)');
    const message = newMessage(element, error, 'details');
    assert.equal(MESSAGE.type(message), MESSAGE_TYPE.error);
    assert.equal(MESSAGE.source(message), element);
    assert.equal(takeText(gst, gst.objectName(element)), 'origin');
    gst.unrefMini(message);
    gst.objectUnref(element);
    assert.deepEqual(takeError(gst, error), { domain: 'sideglance-test', code: -7, message: 'Größe stimmt nicht' });
  });

  it('of the video info are where gst_video_info_set_format puts them', async () => {
    const gst = await openGStreamer();
    const setFormat = video.declare<
      [info: Pointer<'GstVideoInfo'>, format: number, width: number, height: number],
      number
    >('int gst_video_info_set_format(void *info, int format, uint32_t width, uint32_t height)');
    const formatOf = video.declare<[name: string], number>('int gst_video_format_from_string(const char *name)');
    const cases = [
      ['GRAY8', 641, 31, 644],
      ['RGB', 333, 17, 1000],
      ['BGRx', 99, 13, 396],
    ] as const;
    for (const [format, width, height, stride] of cases) {
      const info = gst.videoInfoNew();
      assert.notEqual(setFormat(info, formatOf(format), width, height), 0);
      const read = [VIDEO_INFO.width, VIDEO_INFO.height, VIDEO_INFO.stride, VIDEO_INFO.size, VIDEO_INFO.offset];
      assert.deepEqual(
        read.map((field) => field(info)),
        [width, height, stride, stride * height, 0],
        format,
      );
      const caps = capsFromText(`video/x-raw,format=${format},width=${width},height=${height},framerate=1/1`);
      const fromCaps = gst.videoInfoNew();
      assert.notEqual(gst.videoInfoFromCaps(fromCaps, caps), 0);
      assert.equal(VIDEO_INFO.stride(fromCaps), stride);
      gst.unrefMini(caps);
      gst.videoInfoFree(info);
      gst.videoInfoFree(fromCaps);
    }
  });

  it('of the video meta are where gst_buffer_add_video_meta_full puts them', async () => {
    const gst = await openGStreamer();
    const addMeta = video.declare<
      [
        GstBuffer,
        flags: number,
        format: number,
        width: number,
        height: number,
        planes: number,
        BigUint64Array,
        Int32Array,
      ],
      Pointer<'GstVideoMeta'>
    >(
      'void *gst_buffer_add_video_meta_full(void *buffer, int flags, int format, uint32_t width, uint32_t height, ' +
        'uint32_t planes, void *offset, void *stride)',
    );
    const formatOf = video.declare<[name: string], number>('int gst_video_format_from_string(const char *name)');
    const buffer = gst.bufferNew(null, 4096, null) as GstBuffer;
    assert.equal(gst.videoMeta(buffer), null);
    addMeta(
      buffer,
      0,
      formatOf('GRAY8'),
      40,
      20,
      1,
      new BigUint64Array([64n, 0n, 0n, 0n]),
      new Int32Array([128, 0, 0, 0]),
    );
    const meta = gst.videoMeta(buffer);
    assert.ok(meta !== null);
    const read = [VIDEO_META.width, VIDEO_META.height, VIDEO_META.offset, VIDEO_META.stride];
    assert.deepEqual(
      read.map((field) => field(meta)),
      [40, 20, 64, 128],
    );

    // And the frame is read by the meta, not by its caps.
    const { FrameCopier } = await import('../../../src/capture/gstreamer/picture.js');
    const bytes = new Uint8Array(4096).map((_, at) => (at < 64 ? 255 : Math.floor((at - 64) / 128)));
    gst.bufferFill(buffer, 0, bytes, bytes.length);
    const caps = { format: 'GRAY8', width: 40, height: 20, stride: 40, offset: 0, size: 800 } as const;
    const picture = await new FrameCopier(gst).copy(buffer, caps);
    assert.equal(picture.stride, 128);
    for (let row = 0; row < 20; row++) assert.equal(picture.data[row * 128 + 39], row);
    gst.unrefMini(buffer);
  });
});

describe('a buffer that is smaller than its caps', () => {
  it('is refused before anything is read or written', async () => {
    const gst = await openGStreamer();
    const { FrameCopier } = await import('../../../src/capture/gstreamer/picture.js');
    const buffer = gst.bufferNew(null, 1000, null) as GstBuffer;
    const caps = { format: 'RGB', width: 64, height: 64, stride: 192, offset: 0, size: 12288 } as const;
    await assert.rejects(new FrameCopier(gst).copy(buffer, caps), {
      code: 'SG_FRAME_FORMAT',
      message: /needs 12288 bytes; the buffer has 1000/,
    });
    gst.unrefMini(buffer);
  });

  it('is refused when its caps are of a kind that is not understood, with the fix for GPU memory', async () => {
    const gst = await openGStreamer();
    const { geometryOf } = await import('../../../src/capture/gstreamer/picture.js');
    const refused = (text: string, expected: RegExp) => {
      const caps = capsFromText(text);
      assert.throws(() => geometryOf(gst, caps), { code: 'SG_FRAME_FORMAT', message: expected });
      gst.unrefMini(caps);
    };
    refused('video/x-raw(memory:NVMM),format=NV12,width=8,height=8', /nvvidconv ! video\/x-raw,format=BGRx/);
    refused('video/x-raw,format=I420,width=8,height=8', /format=\(string\)I420.* not understood/);
    refused('image/jpeg', /image\/jpeg are not understood/);
  });
});
