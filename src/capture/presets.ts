import { SideglanceError } from '../errors.js';
import type { PixelFormat } from '../types.js';

/**
 * Pipeline text for the usual cameras, each ending before the sink. Every value that a person wrote is quoted, so that
 * a name with blanks or a `!` stays a name. Absent sizes and rates leave the choice to the camera.
 */

export interface FrameShape {
  /** Pixels. */
  readonly width?: number;
  readonly height?: number;
  readonly framesPerSecond?: number;
}

export interface SimulatedOptions {
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  readonly partsPerSecond: number;
}

/** The entrance for pictures that this process makes itself; see `FrameSource`. */
export function simulatedPipeline(options: SimulatedOptions): string {
  const { width, height, format, partsPerSecond } = options;
  const caps = rawCaps({ width, height, framesPerSecond: partsPerSecond }, format);
  return `appsrc name=simulated is-live=true format=time caps=${quote(caps)}`;
}

export interface V4l2Options extends FrameShape {
  /** E.g. `/dev/video0`. */
  readonly device: string;
  /** What the camera sends; many USB cameras reach their full rate only as `mjpeg`. Default: `raw`. */
  readonly encoding?: 'raw' | 'mjpeg';
}

/** A USB or other Video4Linux camera. */
export function v4l2Pipeline(options: V4l2Options): string {
  const source = `v4l2src device=${quote(options.device)}`;
  return options.encoding === 'mjpeg'
    ? `${source} ! ${caps('image/jpeg', options)} ! jpegdec`
    : `${source} ! ${rawCaps(options)}`;
}

export interface RtspOptions {
  /** Without user and password. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  readonly transport?: 'tcp' | 'udp';
  /** How long packets are held back to put them in order. Default: 100. */
  readonly latencyMs?: number;
  /** Absent: found out from the stream. */
  readonly codec?: 'h264' | 'h265' | 'mjpeg';
  /** The decoders of a Jetson leave pictures in GPU memory: brings them back. Default: false. */
  readonly jetson?: boolean;
}

const RTSP_UNPACK = {
  h264: 'rtph264depay ! h264parse ! decodebin',
  h265: 'rtph265depay ! h265parse ! decodebin',
  mjpeg: 'rtpjpegdepay ! jpegdec',
} as const;

/** A network camera that streams over RTSP. */
export function rtspPipeline(options: RtspOptions): string {
  const { url, username, password, transport = 'tcp', latencyMs = 100, codec, jetson = false } = options;
  const login = [
    username === undefined ? '' : ` user-id=${quote(username)}`,
    password === undefined ? '' : ` user-pw=${quote(password)}`,
  ].join('');
  const source = `rtspsrc location=${quote(url)}${login} protocols=${transport} latency=${whole(latencyMs)}`;
  // The caps keep the sound of a camera out.
  const video = 'application/x-rtp,media=video';
  const decode = codec === undefined ? 'decodebin' : RTSP_UNPACK[codec];
  const bring = jetson && codec !== 'mjpeg' ? ' ! nvvidconv ! video/x-raw,format=BGRx' : '';
  return `${source} drop-on-latency=true ! ${video} ! ${decode}${bring}`;
}

export interface GigeOptions extends FrameShape {
  /** Name, serial number or address; absent: the first camera found. */
  readonly camera?: string;
  /** Bytes. Without it no frame arrives where jumbo frames do not. Default: 1400, which passes everywhere. */
  readonly packetSize?: number;
  readonly exposureMicroseconds?: number;
  readonly gainDb?: number;
  /** What the sensor sends: grey, colour as a Bayer mosaic, or finished colour. Default: `mono`. */
  readonly sensor?: 'mono' | 'bayer' | 'rgb';
}

/** The name of the source in the text, by which it is found while it runs. */
export const GIGE_SOURCE = 'gige';

/** A GigE Vision (or USB3 Vision) camera, through aravis. */
export function gigePipeline(options: GigeOptions): string {
  const { camera, packetSize = 1400, exposureMicroseconds, gainDb, sensor = 'mono' } = options;
  const source = [
    `aravissrc name=${GIGE_SOURCE}`,
    camera === undefined ? '' : ` camera-name=${quote(camera)}`,
    ` packet-size=${whole(packetSize)}`,
    exposureMicroseconds === undefined ? '' : ` exposure-auto=off exposure=${positive(exposureMicroseconds)}`,
    gainDb === undefined ? '' : ` gain-auto=off gain=${gainDb}`,
  ].join('');
  if (sensor === 'bayer') return `${source} ! ${caps('video/x-bayer', options)} ! bayer2rgb`;
  return `${source} ! ${rawCaps(options, sensor === 'mono' ? 'GRAY8' : 'RGB')}`;
}

export interface CsiOptions extends Required<FrameShape> {
  /** Number of the sensor, from 0. */
  readonly sensor: number;
}

/** A camera on the CSI connector of a Jetson. `nvvidconv` brings its frames out of GPU memory. */
export function csiPipeline(options: CsiOptions): string {
  const shape = caps('video/x-raw(memory:NVMM)', options);
  return `nvarguscamerasrc sensor-id=${whole(options.sensor)} ! ${shape} ! nvvidconv ! video/x-raw,format=BGRx`;
}

/** One image file. What is neither PNG nor JPEG is left to GStreamer to recognise. */
export function imageFilePipeline(path: string): string {
  const extension = path.toLowerCase().split('.').at(-1);
  const decoder =
    extension === 'png' ? 'pngdec' : extension === 'jpg' || extension === 'jpeg' ? 'jpegdec' : 'decodebin';
  return `filesrc location=${quote(path)} ! ${decoder}`;
}

/** Writes a value so that GStreamer's pipeline parser takes it as one string, whatever is in it. */
export function quote(value: string): string {
  if (value.includes('\0'))
    throw new SideglanceError('SG_CAMERA_PIPELINE', 'a camera setting contains a NUL character');
  // A value that itself begins with a quotation mark would lose it to the parser's second pass.
  const inner = value.startsWith('"') ? `"${value.replace(/["\\]/g, '\\$&')}"` : value;
  return `"${inner.replace(/["\\]/g, '\\$&')}"`;
}

function rawCaps(shape: FrameShape, format?: PixelFormat): string {
  return caps(format === undefined ? 'video/x-raw' : `video/x-raw,format=${format}`, shape);
}

function caps(media: string, { width, height, framesPerSecond }: FrameShape): string {
  return [
    media,
    width === undefined ? '' : `,width=${whole(width)}`,
    height === undefined ? '' : `,height=${whole(height)}`,
    framesPerSecond === undefined ? '' : `,framerate=${fraction(framesPerSecond)}`,
  ].join('');
}

/** A rate as GStreamer writes it: 30 → `30/1`, 29.97 → `2997/100`. */
function fraction(rate: number): string {
  let [a, b] = [Math.round(positive(rate) * 1000), 1000];
  const numerator = a;
  while (b > 0) [a, b] = [b, a % b];
  return `${numerator / a}/${1000 / a}`;
}

function whole(value: number): number {
  if (Number.isInteger(value) && value >= 0) return value;
  throw new SideglanceError('SG_CAMERA_PIPELINE', `${value} is not a whole number, as a camera setting has to be`);
}

function positive(value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new SideglanceError('SG_CAMERA_PIPELINE', `${value} is not a positive number, as a camera setting has to be`);
}
