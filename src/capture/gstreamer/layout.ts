import {
  type Pointer,
  readInt32,
  readPointer,
  readSize,
  readUInt32,
  readUInt64,
  writeUInt64,
} from '../../native/pointer.js';

/**
 * The fields of GStreamer's public structures that have no accessor function, at their 64-bit offsets. They are part
 * of the stable 1.x ABI (gstminiobject.h, gstbuffer.h, gstmessage.h, video-info.h, gstvideometa.h, gerror.h); the
 * test beside it compares each with what GStreamer's own functions say.
 */
type At<Kind extends string> = Pointer<Kind>;

/** GST_CLOCK_TIME_NONE and GST_BUFFER_OFFSET_NONE: the field is not set. */
export const NONE = 0xffff_ffff_ffff_ffffn;

export const G_ERROR = {
  domain: (error: At<'GError'>): number => readUInt32(error, 0),
  code: (error: At<'GError'>): number => readInt32(error, 4),
  message: (error: At<'GError'>) => readPointer<'char'>(error, 8),
};

export const MESSAGE = {
  type: (message: At<'GstMessage'>): number => readUInt32(message, 64),
  source: (message: At<'GstMessage'>) => readPointer<'GstObject'>(message, 80),
};

/** Times in nanoseconds; `offset` and `offsetEnd` count frames where the source counts at all. */
export const BUFFER = {
  pts: (buffer: At<'GstBuffer'>): bigint => readUInt64(buffer, 72),
  duration: (buffer: At<'GstBuffer'>): bigint => readUInt64(buffer, 88),
  offset: (buffer: At<'GstBuffer'>): bigint => readUInt64(buffer, 96),
  offsetEnd: (buffer: At<'GstBuffer'>): bigint => readUInt64(buffer, 104),
  setPts: (buffer: At<'GstBuffer'>, value: bigint): void => writeUInt64(buffer, 72, value),
  setDuration: (buffer: At<'GstBuffer'>, value: bigint): void => writeUInt64(buffer, 88, value),
  setOffset: (buffer: At<'GstBuffer'>, value: bigint): void => writeUInt64(buffer, 96, value),
  setOffsetEnd: (buffer: At<'GstBuffer'>, value: bigint): void => writeUInt64(buffer, 104, value),
};

export const SEGMENT = {
  format: (segment: At<'GstSegment'>): number => readInt32(segment, 24),
};

/** Only the first plane is read: all formats that we accept are packed. */
export const VIDEO_INFO = {
  width: (info: At<'GstVideoInfo'>): number => readInt32(info, 16),
  height: (info: At<'GstVideoInfo'>): number => readInt32(info, 20),
  size: (info: At<'GstVideoInfo'>): number => readSize(info, 24),
  offset: (info: At<'GstVideoInfo'>): number => readSize(info, 72),
  stride: (info: At<'GstVideoInfo'>): number => readInt32(info, 104),
};

export const VIDEO_META = {
  width: (meta: At<'GstVideoMeta'>): number => readUInt32(meta, 36),
  height: (meta: At<'GstVideoMeta'>): number => readUInt32(meta, 40),
  offset: (meta: At<'GstVideoMeta'>): number => readSize(meta, 48),
  stride: (meta: At<'GstVideoMeta'>): number => readInt32(meta, 80),
};

export const STATE = { null: 1, ready: 2, paused: 3, playing: 4 } as const;
export const STATE_CHANGE = { failure: 0, success: 1, async: 2, noPreroll: 3 } as const;
export const MESSAGE_TYPE = { eos: 1, error: 2, warning: 4, info: 8 } as const;
export const FORMAT_TIME = 3;
export const FLOW_OK = 0;
