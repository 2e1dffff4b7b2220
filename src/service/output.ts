import { constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import pino from 'pino';

export const OUTPUT_LIMITS = {
  /** Text that waits for a reader who does not read; more is dropped ("newest is dropped") and counted. */
  maxWaitingBytes: 256 * 1024,
  closeWithinMs: 150,
} as const;

/**
 * Text to standard output or standard error that never stalls the process. Node writes to terminals and pipes
 * synchronously: a terminal held with Ctrl-S, or a `| less` that nobody scrolls, would stop the event loop and with it
 * the line. Writing on another thread is not enough, since a process cannot end while a thread of its pool is blocked.
 */
export class Output {
  /** Writes that found no room, or no reader any more. */
  dropped = 0;
  readonly #sink: Sink;
  #broken = false;

  constructor(fd: 1 | 2) {
    const events: SinkEvents = {
      dropped: () => {
        this.dropped++;
      },
      // A reader that has gone away is no reason to stop the line.
      broken: () => {
        this.#broken = true;
      },
    };
    this.#sink = openSink(fd, events);
  }

  write(text: string): void {
    if (this.#broken) this.dropped++;
    else this.#sink.write(text);
  }

  /** Writes what waits, as far as somebody reads it in time. The descriptor itself stays open for others. */
  async close(): Promise<void> {
    if (this.#broken) return;
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((done) => {
      timer = setTimeout(done, OUTPUT_LIMITS.closeWithinMs);
    });
    await Promise.race([new Promise<void>((done) => this.#sink.flush(done)), bound]);
    clearTimeout(timer);
    this.#sink.release();
  }
}

interface Sink {
  write(text: string): void;
  /** Calls back once everything is written, or cannot be. */
  flush(done: () => void): void;
  release(): void;
}

interface SinkEvents {
  dropped(): void;
  broken(): void;
}

function openSink(fd: 1 | 2, events: SinkEvents): Sink {
  const kind = fstatSync(fd);
  if (kind.isSocket()) return socketSink(fd, events);
  if (kind.isFIFO()) return socketSink(reopen(fd), events);
  // Opened anew a file would be written from its start; and a file does not block.
  return fileSink(kind.isCharacterDevice() ? reopen(fd) : fd, events);
}

/** Pipes and sockets: libuv waits until there is room. */
function socketSink(fd: number, events: SinkEvents): Sink {
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.on('error', events.broken);
  socket.unref();
  return {
    write(text) {
      if (socket.writableLength + text.length > OUTPUT_LIMITS.maxWaitingBytes) events.dropped();
      else socket.write(text);
    },
    flush: (done) => void socket.write('', () => done()),
    // Destroying it closes the descriptor, which somebody else may still have to complain on.
    release: () => void (fd > 2 && socket.destroy()),
  };
}

/** Terminals, opened so as not to block (sonic-boom tries again after `EAGAIN`), and files. */
function fileSink(fd: number, events: SinkEvents): Sink {
  const stream = pino.destination({ dest: fd, sync: false, minLength: 0, maxLength: OUTPUT_LIMITS.maxWaitingBytes });
  stream.on('error', events.broken);
  stream.on('drop', events.dropped);
  return {
    write: (text) => stream.write(text),
    flush(done) {
      stream.once('error', done);
      stream.flush(() => done());
    },
    release: () => void (fd > 2 && stream.destroy()),
  };
}

/** The same pipe or terminal anew, so that "do not block" applies to us alone and not to the shell that shares the descriptor. */
function reopen(fd: 1 | 2): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}
