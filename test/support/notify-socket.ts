import assert from 'node:assert/strict';
import koffi from 'koffi';
import { loadLibrary } from '../../src/native/library.js';

const libc = loadLibrary({ title: 'C', candidates: ['libc.so.6'], packageName: 'the system', fix: '' });
const socket = libc.declare<[number, number, number], number>('int socket(int domain, int type, int protocol)');
const bind = libc.declare<[number, Buffer, number], number>('int bind(int file, const void *address, uint32_t length)');
const receive = libc.declare<[number, Buffer, number, number], number>(
  'int64_t recv(int file, void *data, size_t length, int flags)',
);
const close = libc.declare<[number], number>('int close(int file)');

/** The service manager's end: a datagram socket at a path, or in the abstract namespace after a leading `@`. */
export class NotifySocket {
  readonly #file: number;

  constructor(name: string) {
    const path = name.startsWith('@') ? `\0${name.slice(1)}` : `${name}\0`;
    const address = Buffer.concat([Buffer.from([1, 0]), Buffer.from(path)]);
    this.#file = socket(1, 2 | 0o4000, 0);
    assert.equal(bind(this.#file, address, address.length), 0, `bind: errno ${koffi.errno()}`);
  }

  /** The messages that have come, oldest first. */
  read(): string[] {
    const messages = [];
    const data = Buffer.alloc(4096);
    for (let bytes = receive(this.#file, data, data.length, 0); bytes >= 0; ) {
      messages.push(data.toString('utf8', 0, bytes));
      bytes = receive(this.#file, data, data.length, 0);
    }
    return messages;
  }

  close(): void {
    close(this.#file);
  }
}
