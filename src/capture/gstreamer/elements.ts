import koffi from 'koffi';
import { outPointer, readPointer, readString } from '../../native/pointer.js';
import { openGStreamer, takeError } from './binding.js';

/** The version of the GStreamer that is in use, e.g. `1.22.0`. */
export async function gstreamerVersion(): Promise<string> {
  const gst = await openGStreamer();
  const [major, minor, micro, nano]: [number][] = [[0], [0], [0], [0]];
  gst.version(major!, minor!, micro!, nano!);
  return `${major![0]}.${minor![0]}.${micro![0]}`;
}

/** Whether an element of that name is installed, e.g. `v4l2src`. */
export async function elementExists(name: string): Promise<boolean> {
  const gst = await openGStreamer();
  const factory = gst.factoryFind(name);
  if (factory === null) return false;
  gst.objectUnref(factory);
  return true;
}

/**
 * The elements that a pipeline text (ending before the sink) and its sink need and that are not installed, in order. GStreamer's own parser finds them, so
 * the elements that exist are created (never started) on the way. A text with other faults gives an empty list here
 * and its error when it is opened.
 */
export async function missingElements(pipelineText: string): Promise<string[]> {
  const gst = await openGStreamer();
  const context = gst.parseContextNew();
  const error = outPointer<'GError'>();
  try {
    const pipeline = await gst.parseLaunchFull.offThread(`${pipelineText} ! videoconvert ! appsink`, context, 0, error);
    if (error[0] !== null) takeError(gst, error[0]);
    if (pipeline !== null) await gst.objectUnref.offThread(pipeline);
    const names = gst.parseContextMissing(context);
    if (names === null) return [];
    const missing: string[] = [];
    for (let offset = 0; ; offset += koffi.sizeof('void *')) {
      const name = readString(readPointer<'char'>(names, offset));
      if (name === null) break;
      if (!missing.includes(name)) missing.push(name);
    }
    gst.freeStrings(names);
    return missing;
  } finally {
    gst.parseContextFree(context);
  }
}

const PACKAGES: readonly (readonly [pattern: RegExp, packageName: string])[] = [
  [/^nv/, 'nvidia-l4t-gstreamer (part of JetPack)'],
  [/^aravissrc$/, 'libaravis-0.8-0'],
  [/^(avdec|avenc|avdemux)_/, 'gstreamer1.0-libav'],
  [/^(v4l2|rtsp|rtp|png|jpeg|multifile|image|udp|soup|matroska|qt|gdkpixbuf)/, 'gstreamer1.0-plugins-good'],
  [/^(video|audio|app|decodebin|uridecodebin|playbin|typefind|compositor|overlay)/, 'gstreamer1.0-plugins-base'],
  [/^x264/, 'gstreamer1.0-plugins-ugly'],
  [/^(h26[45]parse|openh264|openjpeg|webp|bayer)/, 'gstreamer1.0-plugins-bad'],
];

/** The package that most likely brings an element on Debian, Ubuntu or JetPack; null when we cannot tell. */
export function packageOfElement(name: string): string | null {
  return PACKAGES.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}
