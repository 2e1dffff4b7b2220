import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { elementExists } from '../../src/capture/gstreamer/elements.js';
import { FakeGigeCamera } from '../../test/capture/fake-gige-camera.js';

const SIDE = 256;

/** A camera that sends a picture when it is triggered, and nothing else. */
export interface TriggeredCamera {
  /** As in `config.yaml`. */
  readonly camera: object;
  /** Whether the daemon has opened it. */
  readonly isOpen: boolean;
  trigger(): void;
  close(): Promise<void>;
}

/** Its pictures come over TCP: like a camera with a light barrier, it leaves GStreamer waiting for a socket in between. */
export async function openTriggeredCamera(): Promise<TriggeredCamera> {
  const viewers = new Set<Socket>();
  const server = createServer((socket) => {
    viewers.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => viewers.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const shape = `format=gray8 width=${SIDE} height=${SIDE} framerate=1/1`;
  const pipeline = `tcpclientsrc host=127.0.0.1 port=${port} ! rawvideoparse ${shape}`;
  return {
    camera: { type: 'pipeline', pipeline, silentAfterMs: 'never', reopenAfterMs: 'never' },
    get isOpen() {
      return viewers.size > 0;
    },
    trigger() {
      for (const viewer of viewers) viewer.write(Buffer.alloc(SIDE * SIDE, 128));
    },
    async close() {
      for (const viewer of viewers) viewer.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/**
 * Works with the fake GigE Vision camera of aravis, as `camera` in `config.yaml` at so many frames a second. False where it is
 * not installed, and nothing was done.
 */
export async function withGigeCamera(work: (camera: (rate: number) => object) => Promise<void>): Promise<boolean> {
  const device = (await elementExists('aravissrc')) ? await FakeGigeCamera.reserve() : null;
  if (device === null) return false;
  try {
    await device.start();
    await work((framesPerSecond) => ({ type: 'gige', camera: '127.0.0.1', width: 512, height: 512, framesPerSecond }));
  } finally {
    await device.release();
  }
  return true;
}
