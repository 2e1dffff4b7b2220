import { SideglanceError } from '../../errors.js';
import { readString } from '../../native/pointer.js';
import type { Picture, PixelFormat } from '../../types.js';
import { type GStreamer, type GstBuffer, type GstCaps, type GstVideoInfo, takeText } from './binding.js';
import { VIDEO_INFO, VIDEO_META } from './layout.js';

const BYTES_PER_PIXEL: Record<PixelFormat, number> = { GRAY8: 1, RGB: 3, BGRx: 4 };

/** How a frame lies in its buffer. */
export interface Geometry {
  readonly format: PixelFormat;
  readonly width: number;
  readonly height: number;
  /** Bytes from one row to the next: 644 for a GRAY8 row of 641, 1000 for an RGB row of 333. */
  readonly stride: number;
  /** Bytes before the first row. */
  readonly offset: number;
  /** Bytes of a whole frame as GStreamer lays it out by default. */
  readonly size: number;
}

/**
 * Reads the geometry out of caps.
 * @throws SideglanceError SG_FRAME_FORMAT for anything but raw GRAY8, RGB or BGRx in system memory
 */
export function geometryOf(gst: GStreamer, caps: GstCaps): Geometry {
  const text = takeText(gst, gst.capsText(caps)) ?? '';
  if (text.includes('memory:NVMM')) {
    throw new SideglanceError(
      'SG_FRAME_FORMAT',
      `the frames lie in memory of the GPU (${text}), where they cannot be read. ` +
        'End the pipeline with `nvvidconv ! video/x-raw,format=BGRx`.',
    );
  }
  const structure = gst.capsStructure(caps, 0);
  const format = structure === null ? null : readString(gst.structureText(structure, 'format'));
  if (!isPixelFormat(format)) {
    throw new SideglanceError('SG_FRAME_FORMAT', `frames of the kind ${text} are not understood`);
  }
  const info: GstVideoInfo = gst.videoInfoNew();
  try {
    if (gst.videoInfoFromCaps(info, caps) === 0) {
      throw new SideglanceError('SG_FRAME_FORMAT', `frames of the kind ${text} are not understood`);
    }
    return {
      format,
      width: VIDEO_INFO.width(info),
      height: VIDEO_INFO.height(info),
      stride: VIDEO_INFO.stride(info),
      offset: VIDEO_INFO.offset(info),
      size: VIDEO_INFO.size(info),
    };
  } finally {
    gst.videoInfoFree(info);
  }
}

function isPixelFormat(text: string | null): text is PixelFormat {
  return text !== null && text in BYTES_PER_PIXEL;
}

/** Copies frames out of GStreamer's buffers into one of its own, which is used again for every frame. */
export class FrameCopier {
  readonly #gst: GStreamer;
  #data = new Uint8Array(0);

  constructor(gst: GStreamer) {
    this.#gst = gst;
  }

  /**
   * Copies a frame. The picture is valid until the next call.
   * @throws SideglanceError SG_FRAME_FORMAT when the buffer is smaller than its caps say
   */
  async copy(buffer: GstBuffer, caps: Geometry): Promise<Picture> {
    const { format, width, height } = caps;
    // A buffer from a driver may be laid out otherwise than the caps suggest; then it says so in its meta.
    const meta = this.#gst.videoMeta(buffer);
    const stride = meta === null ? caps.stride : VIDEO_META.stride(meta);
    const offset = meta === null ? caps.offset : VIDEO_META.offset(meta);
    const rowBytes = width * BYTES_PER_PIXEL[format];
    const available = Number(this.#gst.bufferSize(buffer)) - offset;
    const needed = stride * (height - 1) + rowBytes;
    if (stride < rowBytes || available < needed) {
      throw new SideglanceError(
        'SG_FRAME_FORMAT',
        `a ${format} frame of ${width} × ${height} with ${stride} bytes a row needs ${needed} bytes; ` +
          `the buffer has ${available}. The driver and its caps disagree.`,
      );
    }
    if (this.#data.length !== stride * height) this.#data = new Uint8Array(stride * height);
    const wanted = Math.min(available, this.#data.length);
    const copied = Number(await this.#gst.bufferExtract.offThread(buffer, offset, this.#data, wanted));
    if (copied < needed) {
      throw new SideglanceError('SG_FRAME_FORMAT', `only ${copied} of the ${needed} bytes of a frame could be read`);
    }
    return { width, height, stride, format, data: this.#data };
  }
}

/**
 * Lays a picture out as `target` wants it, row by row, in `into` (at least `target.size` bytes).
 * @throws SideglanceError SG_FRAME_FORMAT when picture and target differ in size or format
 */
export function layOut(picture: Picture, target: Geometry, into: Uint8Array): void {
  const { width, height, format, stride } = picture;
  if (width !== target.width || height !== target.height || format !== target.format) {
    throw new SideglanceError(
      'SG_FRAME_FORMAT',
      `the line makes ${format} pictures of ${width} × ${height}, ` +
        `the pipeline's appsrc expects ${target.format} of ${target.width} × ${target.height}`,
    );
  }
  const rowBytes = width * BYTES_PER_PIXEL[format];
  if (picture.data.length < stride * (height - 1) + rowBytes || into.length < target.size) {
    throw new SideglanceError('SG_FRAME_FORMAT', `a picture of ${width} × ${height} has too few bytes`);
  }
  for (let row = 0; row < height; row++) {
    into.set(picture.data.subarray(row * stride, row * stride + rowBytes), target.offset + row * target.stride);
  }
}
