import { z } from 'zod';
import { password, passwordFile, text, whole } from './fields.js';

/** The source of triggers that are commands to the camera, by its name in the standard (SFNC, TriggerSource). */
export const SOFTWARE_TRIGGER = 'Software';

const patience = (milliseconds: number, description: string) =>
  z
    .union([z.literal('never'), z.int().min(100).max(86_400_000)])
    .default(milliseconds)
    .meta({ description: `${description} \`never\` for a line that may stand still.` });

/** Keys that every kind of camera has. */
const everyCamera = (format: 'GRAY8' | 'RGB') => ({
  format: z
    .enum(['GRAY8', 'RGB', 'BGRx'])
    .default(format)
    .meta({ description: 'The pixel format that frames are brought to before they are looked at.' }),
  silentAfterMs: patience(2000, 'A camera that sends no frame for so many milliseconds is reported as silent.'),
  reopenAfterMs: patience(10_000, 'A camera that sends no frame for so many milliseconds is closed and opened again.'),
});

/** Keys of cameras that go on while a part is judged. */
const liveCamera = (format: 'GRAY8' | 'RGB') => ({
  ...everyCamera(format),
  queue: whole(
    1,
    64,
    'Frames that may wait while a part is judged; the oldest of more is skipped. 1, always the newest, is for a camera that runs by itself; more for one that each part triggers, so that none is missed.',
  ).default(1),
});

const width = whole(1, 32768, 'Frame width in pixels. Absent: what the camera prefers.').exactOptional();
const height = whole(1, 32768, 'Frame height in pixels. Absent: what the camera prefers.').exactOptional();
const framesPerSecond = z.number().positive().max(1000);
const wantedRate = framesPerSecond
  .meta({ description: 'Frames a second to ask the camera for. Absent: what the camera prefers.' })
  .exactOptional();

const CAMERAS = [
  z
    .strictObject({
      type: z.literal('simulated'),
      ...liveCamera('RGB'),
      width: whole(128, 4096, 'Frame width in pixels.').default(512),
      height: whole(128, 4096, 'Frame height in pixels.').default(512),
      placement: z
        .enum(['aligned', 'anywhere'])
        .default('aligned')
        .meta({ description: '`aligned`: parts lie in a fixture; `anywhere`: they lie turned and shifted.' }),
      partsPerSecond: framesPerSecond.default(2).meta({ description: 'Parts that pass the camera each second.' }),
      defectShare: z
        .number()
        .min(0)
        .max(1)
        .default(0.2)
        .meta({ description: 'Share of the parts that have a defect.' }),
      seed: whole(0, 0xffff_ffff, 'The same seed gives the same sequence of parts.').default(1),
    })
    .meta({ title: 'simulated', description: 'A line that sideglance renders itself; needs no hardware.' }),
  z
    .strictObject({
      type: z.literal('v4l2'),
      ...liveCamera('RGB'),
      device: text('The video device.').default('/dev/video0'),
      encoding: z
        .enum(['raw', 'mjpeg'])
        .default('raw')
        .meta({ description: 'What the camera sends. Many USB cameras reach their full rate only with `mjpeg`.' }),
      width,
      height,
      framesPerSecond: wantedRate,
    })
    .meta({ title: 'v4l2', description: 'A USB or other Video4Linux camera.' }),
  z
    .strictObject({
      type: z.literal('rtsp'),
      ...liveCamera('RGB'),
      url: z
        .string()
        .meta({ description: 'Address of the stream, `rtsp://host:554/path`, without user and password.' }),
      username: text('The user name for the camera.').exactOptional(),
      password,
      passwordFile,
      transport: z.enum(['tcp', 'udp']).default('tcp').meta({ description: 'How the stream is carried.' }),
      latencyMs: whole(0, 10_000, 'How long packets are held back to put them in order, in milliseconds.').default(100),
      codec: z
        .enum(['h264', 'h265', 'mjpeg'])
        .meta({ description: 'How pictures are packed. Absent: found out from the stream.' })
        .exactOptional(),
      jetson: z
        .boolean()
        .default(false)
        .meta({ description: 'Set it on a Jetson, whose decoders leave pictures in GPU memory.' }),
    })
    .meta({ title: 'rtsp', description: 'A network camera that streams over RTSP.' }),
  z
    .strictObject({
      type: z.literal('gige'),
      ...liveCamera('GRAY8'),
      camera: text(
        'Name, serial number or address of the GigE Vision camera. Absent: the first one found.',
      ).exactOptional(),
      sensor: z
        .enum(['mono', 'bayer', 'rgb'])
        .default('mono')
        .meta({ description: 'What the sensor sends: grey, colour as a Bayer mosaic, or finished colour.' }),
      width,
      height,
      framesPerSecond: wantedRate,
      exposureMicroseconds: z
        .number()
        .positive()
        .max(60_000_000)
        .meta({ description: 'Exposure time in microseconds. Absent: as the camera is set.' })
        .exactOptional(),
      gainDb: z
        .number()
        .min(0)
        .max(100)
        .meta({ description: 'Gain in decibels. Absent: as the camera is set.' })
        .exactOptional(),
      trigger: text(
        'What makes the camera take a picture, by its name in the camera (TriggerSource), such as `Line1` for its input; `Software`: the command `trigger`, of a station with `trigger: command`. Each picture is a part then, with a `queue` none is missed. Absent: it runs freely.',
      ).exactOptional(),
      packetSize: whole(
        576,
        16_384,
        'Bytes in a network packet: 1400 everywhere, about 9000 where every switch carries jumbo frames.',
      ).default(1400),
    })
    .meta({ title: 'gige', description: 'A GigE Vision camera, through aravis.' }),
  z
    .strictObject({
      type: z.literal('csi'),
      ...liveCamera('RGB'),
      sensor: whole(0, 15, 'Number of the sensor.').default(0),
      width: whole(1, 32768, 'Frame width in pixels, one of the sensor’s modes.').default(1920),
      height: whole(1, 32768, 'Frame height in pixels, one of the sensor’s modes.').default(1080),
      framesPerSecond: framesPerSecond.default(30).meta({ description: 'Frames a second, one of the sensor’s modes.' }),
    })
    .meta({ title: 'csi', description: 'A camera on the CSI connector of a Jetson.' }),
  z
    .strictObject({
      type: z.literal('files'),
      ...everyCamera('RGB'),
      path: text(
        'A folder of images, or a pattern such as `images/part-*.png`, relative to this file; read in the order of their names.',
      ),
      framesPerSecond: framesPerSecond
        .meta({ description: 'Images read each second. Absent: as fast as they are inspected.' })
        .exactOptional(),
      loop: z.boolean().default(false).meta({ description: 'Begin again after the last image.' }),
    })
    .meta({ title: 'files', description: 'Images on disk instead of a camera.' }),
  z
    .strictObject({
      type: z.literal('pipeline'),
      ...liveCamera('RGB'),
      pipeline: text('GStreamer pipeline text as for `gst-launch-1.0`, ending before the sink.'),
      lossless: z.boolean().default(false).meta({
        description:
          'Every frame is a part and the source waits for it, without a `queue`. Otherwise frames that nobody could look at in time are skipped.',
      }),
    })
    .meta({ title: 'pipeline', description: 'Any other source that GStreamer can read.' }),
] as const;

export const CameraSchema = z
  .discriminatedUnion('type', CAMERAS)
  .meta({ description: 'Where frames come from. `type` chooses the preset; the other keys depend on it.' });
