import koffi from 'koffi';
import { loadLibrary, type NativeFunction } from '../native/library.js';

/** What is told to the service manager, by the names of sd_notify(3). */
export interface ServiceState {
  /** Once: the service does what it is for, or is known not to. */
  readonly ready?: boolean;
  /** A line for people; `systemctl status` shows it. */
  readonly status?: string;
  /** Proof of life: without one for as long as `watchdogMs`, the service manager ends the process. */
  readonly watchdog?: boolean;
  readonly stopping?: boolean;
}

/** Where the service manager listens, and how long it waits for a sign of life. Null where nobody asked for it. */
export interface Summons {
  /** A path, or a name of Linux's abstract namespace after a leading `@`. */
  readonly socket: string;
  readonly watchdogMs: number | null;
}

/**
 * Takes the service manager's variables out of an environment: child processes are not to speak in our name.
 *
 * Source: sd_notify(3), sd_watchdog_enabled(3).
 */
export function takeSummons(env: NodeJS.ProcessEnv = process.env, pid: number = process.pid): Summons | null {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = env;
  delete env.NOTIFY_SOCKET;
  delete env.WATCHDOG_USEC;
  delete env.WATCHDOG_PID;
  if (NOTIFY_SOCKET === undefined || !/^[/@]./.test(NOTIFY_SOCKET)) return null;
  const isMeant = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === pid;
  const microseconds = Number(WATCHDOG_USEC);
  return { socket: NOTIFY_SOCKET, watchdogMs: isMeant && microseconds > 0 ? microseconds / 1000 : null };
}

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 2 | 0o2000000 | 0o4000;
const MSG_NOSIGNAL = 0x4000;
/** `sun_path` of unix(7) is as long. */
const MAX_PATH_BYTES = 108;
/** The service manager takes longer messages; people do not read them. */
const MAX_STATUS_CHARACTERS = 500;

/**
 * Speaks to the service manager: a datagram for each message, which never waits. Node has no datagrams on UNIX sockets, hence
 * the C library.
 */
export class ServiceManager {
  readonly watchdogMs: number | null;
  readonly #address: Buffer;
  readonly #send: NativeFunction<[number, Buffer, number, number, Buffer, number], number>;
  readonly #file: number;

  /** @throws SideglanceError SG_NATIVE_LIBRARY without a C library; Error where no socket can be made */
  constructor({ socket, watchdogMs }: Summons) {
    const libc = loadLibrary({
      title: 'the C library',
      candidates: ['libc.so.6', 'libc.so'],
      packageName: 'the system',
      fix: 'use a Linux with glibc or musl',
    });
    const open = libc.declare<[number, number, number], number>('int socket(int domain, int type, int protocol)');
    this.#send = libc.declare(
      'int64_t sendto(int file, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)',
    );
    this.watchdogMs = watchdogMs;
    this.#address = addressOf(socket);
    this.#file = open(AF_UNIX, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
    if (this.#file < 0) throw new Error(`no socket for the service manager (errno ${koffi.errno()})`);
  }

  /** Whether it was taken. The service manager may be too busy; what matters is to be told again. */
  tell(state: ServiceState): boolean {
    const message = Buffer.from(messageOf(state));
    return this.#send(this.#file, message, message.length, MSG_NOSIGNAL, this.#address, this.#address.length) >= 0;
  }
}

function messageOf({ ready, status, watchdog, stopping }: ServiceState): string {
  const lines = [];
  if (ready) lines.push('READY=1');
  if (stopping) lines.push('STOPPING=1');
  // A line end would begin another assignment.
  if (status !== undefined) lines.push(`STATUS=${status.replace(/\s+/g, ' ').slice(0, MAX_STATUS_CHARACTERS)}`);
  if (watchdog) lines.push('WATCHDOG=1');
  return lines.join('\n');
}

/** A `struct sockaddr_un`, unix(7): the family in the machine's byte order (all that we run on are little-endian), the path. */
function addressOf(socket: string): Buffer {
  const isAbstract = socket.startsWith('@');
  const path = Buffer.from(isAbstract ? `\0${socket.slice(1)}` : `${socket}\0`);
  if (path.length > MAX_PATH_BYTES) throw new Error(`NOTIFY_SOCKET is longer than ${MAX_PATH_BYTES} bytes`);
  const address = Buffer.alloc(2 + path.length);
  address.writeUInt16LE(AF_UNIX);
  path.copy(address, 2);
  return address;
}
