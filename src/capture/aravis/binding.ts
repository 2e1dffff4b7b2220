import { loadLibrary } from '../../native/library.js';
import { type OutPointer, outPointer, type Pointer, readPointer, readString } from '../../native/pointer.js';
import { type GStreamer, openGStreamer, takeError } from '../gstreamer/binding.js';

export type ArvCamera = Pointer<'ArvCamera'>;
export type ArvStream = Pointer<'ArvStream'>;
export type ArvBuffer = Pointer<'ArvBuffer'>;

type Failing<Args extends unknown[]> = [camera: ArvCamera, ...args: Args, error: OutPointer<'GError'>];

/** Of ArvBufferStatus: the frame is whole. */
export const BUFFER_SUCCESS = 0;
/** Of ArvAuto: the camera leaves the value to us. */
export const AUTO_OFF = 0;
/** Of ArvAcquisitionMode: until it is stopped. */
export const ACQUISITION_CONTINUOUS = 0;

/** The functions of aravis 0.8 that we call. Whatever speaks to the camera waits for its answer: off the thread. */
function bind(gst: GStreamer) {
  const gobject = loadLibrary({
    title: 'GObject',
    candidates: ['libgobject-2.0.so.0'],
    packageName: 'libglib2.0-0',
    fix: 'apt-get install libglib2.0-0',
  });
  const aravis = loadLibrary({
    title: 'aravis',
    candidates: ['libaravis-0.8.so.0'],
    packageName: 'libaravis-0.8-0',
    fix: 'apt-get install libaravis-0.8-0',
  });
  const camera = <Args extends unknown[], Result>(result: string, name: string, parameters = '') =>
    aravis.declare<Failing<Args>, Result>(
      `${result} arv_camera_${name}(void *camera, ${parameters}${parameters && ', '}_Out_ void **error)`,
    );
  return {
    gst,
    /** Off the thread: the last reference to a camera or a stream closes it. */
    unref: gobject.declare<[object: ArvCamera | ArvStream], void>('void g_object_unref(void *object)'),
    cameraNew: aravis.declare<[name: string | null, error: OutPointer<'GError'>], ArvCamera | null>(
      'void *arv_camera_new(const char *name, _Out_ void **error)',
    ),
    isGigE: aravis.declare<[camera: ArvCamera], number>('int arv_camera_is_gv_device(void *camera)'),
    setPacketSize: camera<[bytes: number], void>('void', 'gv_set_packet_size', 'int bytes'),
    pixelFormats: camera<[count: [number]], Pointer<'char *[]'> | null>(
      'void *',
      'dup_available_pixel_formats_as_strings',
      '_Out_ uint32_t *count',
    ),
    setPixelFormat: camera<[name: string], void>('void', 'set_pixel_format_from_string', 'const char *name'),
    setRegion: camera<[x: number, y: number, width: number, height: number], void>(
      'void',
      'set_region',
      'int x, int y, int width, int height',
    ),
    region: camera<[x: [number], y: [number], width: [number], height: [number]], void>(
      'void',
      'get_region',
      '_Out_ int *x, _Out_ int *y, _Out_ int *width, _Out_ int *height',
    ),
    setExposureAuto: camera<[mode: number], void>('void', 'set_exposure_time_auto', 'int mode'),
    setExposure: camera<[microseconds: number], void>('void', 'set_exposure_time', 'double microseconds'),
    exposure: camera<[], number>('double', 'get_exposure_time'),
    setGainAuto: camera<[mode: number], void>('void', 'set_gain_auto', 'int mode'),
    setGain: camera<[decibels: number], void>('void', 'set_gain', 'double decibels'),
    gain: camera<[], number>('double', 'get_gain'),
    setAcquisitionMode: camera<[mode: number], void>('void', 'set_acquisition_mode', 'int mode'),
    triggerSources: camera<[count: [number]], Pointer<'char *[]'> | null>(
      'void *',
      'dup_available_trigger_sources',
      '_Out_ uint32_t *count',
    ),
    setTrigger: camera<[source: string], void>('void', 'set_trigger', 'const char *source'),
    softwareTrigger: camera<[], void>('void', 'software_trigger'),
    /** Bytes of a frame; asks the camera. */
    payload: camera<[], number>('uint32_t', 'get_payload'),
    start: camera<[], void>('void', 'start_acquisition'),
    stop: camera<[], void>('void', 'stop_acquisition'),
    createStream: camera<[callback: null, data: null], ArvStream | null>(
      'void *',
      'create_stream',
      'void *callback, void *data',
    ),

    bufferNew: aravis.declare<[bytes: number], ArvBuffer>('void *arv_buffer_new_allocate(size_t bytes)'),
    /** The stream owns the buffer from now on. */
    pushBuffer: aravis.declare<[stream: ArvStream, buffer: ArvBuffer], void>(
      'void arv_stream_push_buffer(void *stream, void *buffer)',
    ),
    /** Off the thread: waits for a frame. The buffer is ours until it is pushed again. */
    popBuffer: aravis.declare<[stream: ArvStream, timeoutMicroseconds: number], ArvBuffer | null>(
      'void *arv_stream_timeout_pop_buffer(void *stream, uint64_t timeout)',
    ),
    bufferStatus: aravis.declare<[buffer: ArvBuffer], number>('int arv_buffer_get_status(void *buffer)'),
    bufferData: aravis.declare<[buffer: ArvBuffer, bytes: [number | bigint]], Pointer<'pixels'> | null>(
      'void *arv_buffer_get_data(void *buffer, _Out_ size_t *bytes)',
    ),
    /** The camera's own number of the frame. */
    bufferFrame: aravis.declare<[buffer: ArvBuffer], number | bigint>('uint64_t arv_buffer_get_frame_id(void *buffer)'),
    /** When its first packet came, in nanoseconds since 1970 by the clock of this computer. */
    bufferTime: aravis.declare<[buffer: ArvBuffer], number | bigint>(
      'uint64_t arv_buffer_get_system_timestamp(void *buffer)',
    ),
  };
}

export type Aravis = ReturnType<typeof bind>;

let opened: Promise<Aravis> | undefined;

/** @throws SideglanceError SG_NATIVE_LIBRARY when a library is missing */
export function openAravis(): Promise<Aravis> {
  opened ??= openGStreamer().then(bind);
  return opened;
}

interface Fallible<Args extends unknown[], Result> {
  offThread(...args: Failing<Args>): Promise<Result>;
}

/**
 * Asks the camera for something, and waits for its answer.
 * @throws Error with what aravis says of it
 */
export async function ask<Args extends unknown[], Result>(
  { gst }: Aravis,
  camera: ArvCamera,
  what: Fallible<Args, Result>,
  ...args: Args
): Promise<Result> {
  const error = outPointer<'GError'>();
  const result = await what.offThread(camera, ...args, error);
  if (error[0] !== null) throw new Error(takeError(gst, error[0]).message);
  return result;
}

const POINTER_BYTES = 8;

/** Texts of the camera's own; the list is ours to free. */
export function takeTexts({ gst }: Aravis, list: Pointer<'char *[]'> | null, count: number): string[] {
  if (list === null) return [];
  const texts = Array.from({ length: count }, (_, i) => readString(readPointer(list, i * POINTER_BYTES)) ?? '');
  gst.free(list);
  return texts;
}
