import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

const PROGRAM = 'arv-fake-gv-camera-0.8';
/** GigE Vision has one fixed port, and the program listens on one address: this port is the turn of one test at a time. */
const TURN_PORT = 39_560;

/** The fake GigE Vision camera of aravis on 127.0.0.1: one at a time on a machine. */
export class FakeGigeCamera {
  readonly #turn: Server;
  #process: ChildProcess | undefined;

  private constructor(turn: Server) {
    this.#turn = turn;
  }

  /** Waits for its turn; null when the program is not installed (Debian package aravis-tools). */
  static async reserve(withinMs = 120_000): Promise<FakeGigeCamera | null> {
    const probe = spawn(PROGRAM, ['--help'], { stdio: 'ignore' });
    if (!(await Promise.race([once(probe, 'exit').then(() => true), once(probe, 'error').then(() => false)])))
      return null;
    for (const end = performance.now() + withinMs; ; ) {
      const turn = createServer();
      const listening = once(turn, 'listening').then(() => true);
      turn.listen({ host: '127.0.0.1', port: TURN_PORT, exclusive: true });
      if (await listening.catch(() => false)) return new FakeGigeCamera(turn);
      if (performance.now() > end) throw new Error(`the fake GigE camera was not free within ${withinMs} ms`);
      await new Promise((done) => setTimeout(done, 200));
    }
  }

  /** Starts the camera. Tries again while something else holds the port of GigE Vision. */
  async start(withinMs = 60_000): Promise<void> {
    for (const end = performance.now() + withinMs; ; ) {
      const camera = spawn(PROGRAM, ['-i', '127.0.0.1'], { stdio: 'ignore' });
      const failed = once(camera, 'exit').then(() => true);
      // It says nothing when it is ready; when it cannot start it ends at once.
      if (!(await Promise.race([failed, new Promise((done) => setTimeout(() => done(false), 300))]))) {
        this.#process = camera;
        return;
      }
      if (performance.now() > end) throw new Error(`${PROGRAM} does not start: is port 3956 of 127.0.0.1 in use?`);
    }
  }

  /** Ends it without a word, as a camera whose cable is pulled. */
  async kill(): Promise<void> {
    const camera = this.#process;
    this.#process = undefined;
    if (camera === undefined || camera.exitCode !== null) return;
    const gone = once(camera, 'exit');
    camera.kill('SIGKILL');
    await gone;
  }

  async release(): Promise<void> {
    await this.kill();
    this.#turn.close();
  }
}
