import { SideglanceError } from '../../errors.js';
import { type LibrarySource, loadLibrary } from '../../native/library.js';
import { type OutPointer, outPointer, type Pointer, readString } from '../../native/pointer.js';
import { G_ERROR } from './layout.js';

/** GstElement: also stands for the bins, pipelines, sources and sinks derived from it. */
export type GstElement = Pointer<'GstElement'>;
export type GstBus = Pointer<'GstBus'>;
export type GstMessage = Pointer<'GstMessage'>;
export type GstSample = Pointer<'GstSample'>;
export type GstBuffer = Pointer<'GstBuffer'>;
export type GstCaps = Pointer<'GstCaps'>;
export type GstClock = Pointer<'GstClock'>;
export type GstVideoInfo = Pointer<'GstVideoInfo'>;
export type GstVideoMeta = Pointer<'GstVideoMeta'>;
export type GError = Pointer<'GError'>;
/** A NUL-terminated string that belongs to the caller and is freed with `g_free`. */
export type OwnedText = Pointer<'char'>;
/** A string that belongs to the library. */
export type BorrowedText = Pointer<'const char'>;

const INSTALL =
  'apt-get install libgstreamer1.0-0 libgstreamer-plugins-base1.0-0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good';

function source(title: string, file: string, packageName: string): LibrarySource {
  return { title, candidates: [file], packageName, fix: INSTALL };
}

/** The libraries and every function of them that we call, by C prototype. Comments name what must run off the thread. */
function bind() {
  const glib = loadLibrary(source('GLib', 'libglib-2.0.so.0', 'libglib2.0-0'));
  const gobject = loadLibrary(source('GObject', 'libgobject-2.0.so.0', 'libglib2.0-0'));
  const core = loadLibrary(source('GStreamer core', 'libgstreamer-1.0.so.0', 'libgstreamer1.0-0'));
  const app = loadLibrary(source('GStreamer app', 'libgstapp-1.0.so.0', 'libgstreamer-plugins-base1.0-0'));
  const video = loadLibrary(source('GStreamer video', 'libgstvideo-1.0.so.0', 'libgstreamer-plugins-base1.0-0'));
  return {
    free: glib.declare<[memory: Pointer<string>], void>('void g_free(void *memory)'),
    freeStrings: glib.declare<[strings: Pointer<string>], void>('void g_strfreev(void *strings)'),
    errorFree: glib.declare<[error: GError], void>('void g_error_free(void *error)'),
    quarkToString: glib.declare<[quark: number], BorrowedText | null>('void *g_quark_to_string(uint32_t quark)'),

    /** A GValue is memory of ours, zeroed. */
    valueInit: gobject.declare<[value: Uint8Array, type: number], bigint>(
      'void *g_value_init(void *value, size_t type)',
    ),
    valueUnset: gobject.declare<[value: Uint8Array], void>('void g_value_unset(void *value)'),
    valueSetDouble: gobject.declare<[value: Uint8Array, to: number], void>(
      'void g_value_set_double(void *value, double to)',
    ),
    valueGetDouble: gobject.declare<[value: Uint8Array], number>('double g_value_get_double(void *value)'),
    valueSetInt: gobject.declare<[value: Uint8Array, to: number], void>('void g_value_set_int(void *value, int to)'),
    /** Off the thread: sources may write to their device here. */
    setProperty: gobject.declare<[object: GstElement, name: string, value: Uint8Array], void>(
      'void g_object_set_property(void *object, const char *name, void *value)',
    ),
    getProperty: gobject.declare<[object: GstElement, name: string, value: Uint8Array], void>(
      'void g_object_get_property(void *object, const char *name, void *value)',
    ),

    /** Off the thread: the first start on a machine scans all plugins. */
    initCheck: core.declare<[argc: null, argv: null, error: OutPointer<'GError'>], number>(
      'int gst_init_check(void *argc, void *argv, _Out_ void **error)',
    ),
    version: core.declare<[major: [number], minor: [number], micro: [number], nano: [number]], void>(
      'void gst_version(_Out_ uint32_t *major, _Out_ uint32_t *minor, _Out_ uint32_t *micro, _Out_ uint32_t *nano)',
    ),
    /** Off the thread: sources may open their camera here. */
    parseLaunch: core.declare<[text: string, error: OutPointer<'GError'>], GstElement | null>(
      'void *gst_parse_launch(const char *text, _Out_ void **error)',
    ),
    parseContextNew: core.declare<[], Pointer<'GstParseContext'>>('void *gst_parse_context_new()'),
    parseContextFree: core.declare<[context: Pointer<'GstParseContext'>], void>(
      'void gst_parse_context_free(void *context)',
    ),
    parseContextMissing: core.declare<[context: Pointer<'GstParseContext'>], Pointer<'char *[]'> | null>(
      'void *gst_parse_context_get_missing_elements(void *context)',
    ),
    /** Off the thread, as above. */
    parseLaunchFull: core.declare<
      [text: string, context: Pointer<'GstParseContext'>, flags: number, error: OutPointer<'GError'>],
      GstElement | null
    >('void *gst_parse_launch_full(const char *text, void *context, uint32_t flags, _Out_ void **error)'),
    factoryFind: core.declare<[name: string], Pointer<'GstElementFactory'> | null>(
      'void *gst_element_factory_find(const char *name)',
    ),

    binGetByName: core.declare<[bin: GstElement, name: string], GstElement | null>(
      'void *gst_bin_get_by_name(void *bin, const char *name)',
    ),
    /** Off the thread: opens, starts and stops devices. */
    setState: core.declare<[element: GstElement, state: number], number>(
      'int gst_element_set_state(void *element, int state)',
    ),
    getBus: core.declare<[element: GstElement], GstBus>('void *gst_element_get_bus(void *element)'),
    getClock: core.declare<[element: GstElement], GstClock | null>('void *gst_element_get_clock(void *element)'),
    clockTime: core.declare<[clock: GstClock], bigint | number>('uint64_t gst_clock_get_time(void *clock)'),
    baseTime: core.declare<[element: GstElement], bigint | number>('uint64_t gst_element_get_base_time(void *element)'),
    /** Off the thread for a pipeline's last reference. */
    objectUnref: core.declare<[object: Pointer<string>], void>('void gst_object_unref(void *object)'),
    objectName: core.declare<[object: Pointer<string>], OwnedText | null>('void *gst_object_get_name(void *object)'),
    refMini: core.declare<[object: Pointer<string>], bigint>('void *gst_mini_object_ref(void *object)'),
    unrefMini: core.declare<[object: Pointer<string>], void>('void gst_mini_object_unref(void *object)'),

    busPop: core.declare<[bus: GstBus, timeoutNs: number, types: number], GstMessage | null>(
      'void *gst_bus_timed_pop_filtered(void *bus, uint64_t timeout, uint32_t types)',
    ),
    parseError: core.declare<[message: GstMessage, error: OutPointer<'GError'>, debug: OutPointer<'char'>], void>(
      'void gst_message_parse_error(void *message, _Out_ void **error, _Out_ void **debug)',
    ),
    parseWarning: core.declare<[message: GstMessage, error: OutPointer<'GError'>, debug: OutPointer<'char'>], void>(
      'void gst_message_parse_warning(void *message, _Out_ void **error, _Out_ void **debug)',
    ),
    parseInfo: core.declare<[message: GstMessage, error: OutPointer<'GError'>, debug: OutPointer<'char'>], void>(
      'void gst_message_parse_info(void *message, _Out_ void **error, _Out_ void **debug)',
    ),

    sampleBuffer: core.declare<[sample: GstSample], GstBuffer | null>('void *gst_sample_get_buffer(void *sample)'),
    sampleCaps: core.declare<[sample: GstSample], GstCaps | null>('void *gst_sample_get_caps(void *sample)'),
    sampleSegment: core.declare<[sample: GstSample], Pointer<'GstSegment'> | null>(
      'void *gst_sample_get_segment(void *sample)',
    ),
    toRunningTime: core.declare<[segment: Pointer<'GstSegment'>, format: number, position: bigint], bigint | number>(
      'uint64_t gst_segment_to_running_time(void *segment, int format, uint64_t position)',
    ),
    capsText: core.declare<[caps: GstCaps], OwnedText | null>('void *gst_caps_to_string(void *caps)'),
    capsStructure: core.declare<[caps: GstCaps, index: number], Pointer<'GstStructure'> | null>(
      'void *gst_caps_get_structure(void *caps, uint32_t index)',
    ),
    structureText: core.declare<[structure: Pointer<'GstStructure'>, field: string], BorrowedText | null>(
      'void *gst_structure_get_string(void *structure, const char *field)',
    ),

    bufferSize: core.declare<[buffer: GstBuffer], number | bigint>('size_t gst_buffer_get_size(void *buffer)'),
    /** Off the thread for whole frames. */
    bufferExtract: core.declare<[buffer: GstBuffer, offset: number, to: Uint8Array, size: number], number | bigint>(
      'size_t gst_buffer_extract(void *buffer, size_t offset, void *to, size_t size)',
    ),
    bufferNew: core.declare<[allocator: null, size: number, params: null], GstBuffer | null>(
      'void *gst_buffer_new_allocate(void *allocator, size_t size, void *params)',
    ),
    bufferFill: core.declare<[buffer: GstBuffer, offset: number, from: Uint8Array, size: number], number | bigint>(
      'size_t gst_buffer_fill(void *buffer, size_t offset, void *from, size_t size)',
    ),

    /** Off the thread: waits for a frame. */
    pullSample: app.declare<[sink: GstElement, timeoutNs: number], GstSample | null>(
      'void *gst_app_sink_try_pull_sample(void *sink, uint64_t timeout)',
    ),
    sinkIsEnded: app.declare<[sink: GstElement], number>('int gst_app_sink_is_eos(void *sink)'),
    /** Takes the buffer over, whatever it returns. */
    pushBuffer: app.declare<[source: GstElement, buffer: GstBuffer], number>(
      'int gst_app_src_push_buffer(void *source, void *buffer)',
    ),
    endOfStream: app.declare<[source: GstElement], number>('int gst_app_src_end_of_stream(void *source)'),
    sourceCaps: app.declare<[source: GstElement], GstCaps | null>('void *gst_app_src_get_caps(void *source)'),
    queuedBytes: app.declare<[source: GstElement], number | bigint>(
      'uint64_t gst_app_src_get_current_level_bytes(void *source)',
    ),

    videoInfoNew: video.declare<[], GstVideoInfo>('void *gst_video_info_new()'),
    videoInfoFree: video.declare<[info: GstVideoInfo], void>('void gst_video_info_free(void *info)'),
    videoInfoFromCaps: video.declare<[info: GstVideoInfo, caps: GstCaps], number>(
      'int gst_video_info_from_caps(void *info, void *caps)',
    ),
    videoMeta: video.declare<[buffer: GstBuffer], GstVideoMeta | null>('void *gst_buffer_get_video_meta(void *buffer)'),
  };
}

export type GStreamer = ReturnType<typeof bind>;

let opened: Promise<GStreamer> | undefined;

/**
 * GStreamer, loaded and initialised; once per process, however often it is asked for.
 * @throws SideglanceError SG_NATIVE_LIBRARY when a library is missing or GStreamer does not start
 */
export function openGStreamer(): Promise<GStreamer> {
  opened ??= initialise();
  return opened;
}

async function initialise(): Promise<GStreamer> {
  const gst = bind();
  const error = outPointer<'GError'>();
  if ((await gst.initCheck.offThread(null, null, error)) === 0) {
    const text = error[0] === null ? 'no reason given' : takeError(gst, error[0]).message;
    throw new SideglanceError('SG_NATIVE_LIBRARY', `GStreamer does not start: ${text}. To install it: ${INSTALL}`);
  }
  return gst;
}

export interface NativeError {
  /** The GError domain by name, e.g. `gst-resource-error-quark`. */
  readonly domain: string;
  readonly code: number;
  readonly message: string;
}

/** Reads a GError and frees it. */
export function takeError(gst: GStreamer, error: GError): NativeError {
  const taken = {
    domain: readString(gst.quarkToString(G_ERROR.domain(error))) ?? 'unknown',
    code: G_ERROR.code(error),
    message: readString(G_ERROR.message(error)) ?? '',
  };
  gst.errorFree(error);
  return taken;
}

/** Reads a string that was given to us and frees it. */
export function takeText(gst: GStreamer, text: OwnedText | null): string | null {
  if (text === null) return null;
  const copy = readString(text);
  gst.free(text);
  return copy;
}
