import { type ErrorCode, reasonOf, SideglanceError } from '../../errors.js';
import { bytesAt, outPointer } from '../../native/pointer.js';
import type { CameraControls } from '../../types.js';
import { monotonicMs } from '../clock.js';
import { takeError } from '../gstreamer/binding.js';
import type { GigeOptions } from '../presets.js';
import type { OpenDevice, Shot } from '../source.js';
import {
  ACQUISITION_CONTINUOUS,
  type Aravis,
  type ArvBuffer,
  type ArvCamera,
  type ArvStream,
  AUTO_OFF,
  ask,
  BUFFER_SUCCESS,
  openAravis,
  takeTexts,
} from './binding.js';

export interface TriggeredOptions extends Omit<GigeOptions, 'framesPerSecond'> {
  /** TriggerSource in the standard (SFNC), e.g. `Line1`; `Software` for {@link TriggeredCamera.fire}. */
  readonly trigger: string;
}

const LIMITS = {
  /** Frames that the camera may send while none is fetched. */
  buffers: 8,
  /** After so long without a frame, the camera is asked whether it is still there. */
  askAfterMs: 1_000,
  /** A frame that claims to be older was stamped before the clock was set. */
  maxAgeMs: 10_000,
} as const;

/** The pixel formats that are understood, by their names in the standard (PFNC) and as caps; the first that a camera has is taken. */
const FORMATS = {
  mono: { Mono8: 'video/x-raw,format=GRAY8' },
  rgb: { RGB8: 'video/x-raw,format=RGB', RGB8Packed: 'video/x-raw,format=RGB' },
  bayer: {
    BayerRG8: 'video/x-bayer,format=rggb',
    BayerGR8: 'video/x-bayer,format=grbg',
    BayerGB8: 'video/x-bayer,format=gbrg',
    BayerBG8: 'video/x-bayer,format=bggr',
  },
} as const;

/**
 * A GigE Vision (or USB3 Vision) camera that takes a picture only when something triggers it, driven through aravis itself: its
 * element of GStreamer takes two seconds without a frame for a fault. Whether the camera is still there is asked instead.
 */
export class TriggeredCamera implements OpenDevice {
  readonly text: string;
  readonly rowBytes: number;
  readonly rows: number;
  readonly #arv: Aravis;
  readonly #camera: ArvCamera;
  readonly #stream: ArvStream;
  #heardMs = monotonicMs();
  /** Settles when the last command has been answered. */
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #lastFrame: bigint | null = null;

  private constructor(arv: Aravis, camera: ArvCamera, stream: ArvStream, frame: FrameLayout) {
    this.#arv = arv;
    this.#camera = camera;
    this.#stream = stream;
    this.text = frame.text;
    this.rowBytes = frame.rowBytes;
    this.rows = frame.rows;
  }

  /** @throws Error where the camera is not there or does not take a setting; SideglanceError SG_NATIVE_LIBRARY without aravis */
  static async open(options: TriggeredOptions): Promise<TriggeredCamera> {
    const arv = await openAravis();
    const error = outPointer<'GError'>();
    const camera = await arv.cameraNew.offThread(options.camera ?? null, error);
    if (camera === null) {
      throw new Error(error[0] === null ? 'no camera was found' : takeError(arv.gst, error[0]).message);
    }
    let stream: ArvStream | null = null;
    try {
      const frame = await configure(arv, camera, options);
      const bytes = await ask(arv, camera, arv.payload);
      stream = await ask(arv, camera, arv.createStream, null, null);
      if (stream === null) throw new Error('the camera gives no stream');
      for (let i = 0; i < LIMITS.buffers; i++) arv.pushBuffer(stream, arv.bufferNew(bytes));
      await ask(arv, camera, arv.start);
      return new TriggeredCamera(arv, camera, stream, frame);
    } catch (thrown) {
      await letGo(arv, stream, camera);
      throw thrown;
    }
  }

  async next(timeoutMs: number): Promise<Shot | null> {
    const arv = this.#arv;
    const buffer = await arv.popBuffer.offThread(this.#stream, Math.round(timeoutMs * 1000));
    if (buffer !== null) {
      this.#heardMs = monotonicMs();
      return this.#shotOf(buffer);
    }
    if (monotonicMs() - this.#heardMs >= LIMITS.askAfterMs) {
      await ask(arv, this.#camera, arv.payload).catch((cause: unknown) => {
        throw new Error(`it does not answer any more: ${reasonOf(cause)}`, { cause });
      });
      this.#heardMs = monotonicMs();
    }
    return null;
  }

  fire(): Promise<void> {
    return this.#inTurn('SG_CAMERA_LOST', () => ask(this.#arv, this.#camera, this.#arv.softwareTrigger));
  }

  control(controls: CameraControls): Promise<void> {
    return this.#inTurn('SG_COMMAND_FAILED', () => setControls(this.#arv, this.#camera, controls));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
    await ask(this.#arv, this.#camera, this.#arv.stop).catch(() => undefined);
    await letGo(this.#arv, this.#stream, this.#camera);
  }

  /** One command at a time, and none to a camera that has gone. */
  async #inTurn(code: ErrorCode, command: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => {
      if (this.#isClosed) throw new Error('it is being closed');
      return command();
    });
    this.#turn = done.catch(() => undefined);
    await done.catch((cause: unknown) => {
      throw new SideglanceError(code, `the camera does not take it: ${reasonOf(cause)}`, { cause });
    });
  }

  #missedBefore(frame: bigint): number {
    const missed = this.#lastFrame === null ? 0 : framesBetween(this.#lastFrame, frame);
    this.#lastFrame = frame;
    return missed;
  }

  #shotOf(buffer: ArvBuffer): Shot {
    const arv = this.#arv;
    const size: [number | bigint] = [0];
    const data = arv.bufferData(buffer, size);
    const isWhole =
      arv.bufferStatus(buffer) === BUFFER_SUCCESS && data !== null && Number(size[0]) >= this.rowBytes * this.rows;
    const ageMs = Date.now() - Number(arv.bufferTime(buffer)) / 1e6;
    return {
      pixels: isWhole ? bytesAt(data, this.rowBytes * this.rows) : null,
      missed: this.#missedBefore(BigInt(arv.bufferFrame(buffer))),
      ageMs: ageMs >= 0 && ageMs <= LIMITS.maxAgeMs ? ageMs : 0,
      release: () => arv.pushBuffer(this.#stream, buffer),
    };
  }
}

/** Of frames in GigE Vision 1; the next one is 1. */
const LAST_SHORT_NUMBER = 65_535n;

/** A number farther ahead is of a camera that began anew, as is one that came before. */
const MOST_MISSED = 10_000;

/** How many frames lie between two numbers of a camera. */
export function framesBetween(last: bigint, next: bigint): number {
  const isRound = next < last && last <= LAST_SHORT_NUMBER;
  const missed = Number(next + (isRound ? LAST_SHORT_NUMBER : 0n) - last) - 1;
  return missed >= 0 && missed <= MOST_MISSED ? missed : 0;
}

type FrameLayout = Pick<OpenDevice, 'text' | 'rowBytes' | 'rows'>;

/** Sets what was asked for, and says what frames will be like. */
async function configure(arv: Aravis, camera: ArvCamera, options: TriggeredOptions): Promise<FrameLayout> {
  const { width = -1, height = -1, packetSize, sensor = 'mono', trigger } = options;
  const format = await chooseFormat(arv, camera, FORMATS[sensor]);
  await ask(arv, camera, arv.setPixelFormat, format.name);
  if (width > 0 || height > 0) await ask(arv, camera, arv.setRegion, -1, -1, width, height);
  if (packetSize !== undefined && arv.isGigE(camera) !== 0) await ask(arv, camera, arv.setPacketSize, packetSize);
  await setControls(arv, camera, options);
  await ask(arv, camera, arv.setAcquisitionMode, ACQUISITION_CONTINUOUS);
  await setTrigger(arv, camera, trigger);
  const [columns, rows]: [[number], [number]] = [[0], [0]];
  await ask(arv, camera, arv.region, [0], [0], columns, rows);
  checkSize(columns[0], rows[0], options);
  // A frame has no rate that anybody knows: 0.
  const caps = `${format.caps},width=${columns[0]},height=${rows[0]},framerate=0/1`;
  const demosaic = sensor === 'bayer' ? ' ! bayer2rgb' : '';
  return {
    text: `appsrc name=pump is-live=true format=time caps="${caps}"${demosaic}`,
    rowBytes: columns[0] * (sensor === 'rgb' ? 3 : 1),
    rows: rows[0],
  };
}

async function setTrigger(arv: Aravis, camera: ArvCamera, trigger: string): Promise<void> {
  const count: [number] = [0];
  const list = await ask(arv, camera, arv.triggerSources, count);
  const offered = takeTexts(arv, list, count[0]);
  if (!offered.includes(trigger)) {
    throw new Error(`the camera has no trigger ${trigger}: choose one of ${offered.join(', ')}`);
  }
  await ask(arv, camera, arv.setTrigger, trigger);
}

async function chooseFormat(
  arv: Aravis,
  camera: ArvCamera,
  wanted: Readonly<Record<string, string>>,
): Promise<{ name: string; caps: string }> {
  const count: [number] = [0];
  const list = await ask(arv, camera, arv.pixelFormats, count);
  const offered = takeTexts(arv, list, count[0]);
  for (const [name, caps] of Object.entries(wanted)) if (offered.includes(name)) return { name, caps };
  throw new Error(
    `the camera sends ${offered.join(', ')}, and none of ${Object.keys(wanted).join(', ')}: choose another \`sensor\``,
  );
}

function checkSize(columns: number, rows: number, { width = columns, height = rows }: TriggeredOptions): void {
  if (columns === width && rows === height) return;
  throw new Error(`the camera does not take frames of ${width} × ${height}: its own are ${columns} × ${rows} then`);
}

/** @throws Error where the camera does not take a value */
async function setControls(arv: Aravis, camera: ArvCamera, controls: CameraControls): Promise<void> {
  const { exposureMicroseconds: exposure, gainDb: gain } = controls;
  if (exposure !== undefined) {
    // Cameras without automatics refuse to have them switched off.
    await ask(arv, camera, arv.setExposureAuto, AUTO_OFF).catch(() => undefined);
    await ask(arv, camera, arv.setExposure, exposure);
    checkTaken('exposureMicroseconds', exposure, await ask(arv, camera, arv.exposure));
  }
  if (gain !== undefined) {
    await ask(arv, camera, arv.setGainAuto, AUTO_OFF).catch(() => undefined);
    await ask(arv, camera, arv.setGain, gain);
    checkTaken('gainDb', gain, await ask(arv, camera, arv.gain));
  }
}

/** Cameras round to their own steps; that is no refusal. */
function checkTaken(name: string, wanted: number, taken: number): void {
  if (Math.abs(taken - wanted) <= 0.01 * Math.max(1, Math.abs(wanted))) return;
  throw new Error(
    `the camera did not take ${name} ${wanted} (it stands at ${taken}): ask for a value within its range`,
  );
}

async function letGo(arv: Aravis, stream: ArvStream | null, camera: ArvCamera): Promise<void> {
  if (stream !== null) await arv.unref.offThread(stream);
  await arv.unref.offThread(camera);
}
