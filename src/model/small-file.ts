import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { reasonOf, SideglanceError } from '../errors.js';

/**
 * Reads an ordinary file, whose last name is no link, into memory.
 * @throws SideglanceError `SG_BUNDLE_ENTRY_KIND` for a link or something that is no file, `SG_BUNDLE_TOO_LARGE` for one of
 * more than `maxBytes`, `SG_MODEL_UNREADABLE` where it cannot be read
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer> {
  const file = await openPlain(path);
  try {
    const { size } = await file.stat();
    if (size > maxBytes) {
      throw new SideglanceError('SG_BUNDLE_TOO_LARGE', `${path} has ${size} bytes, ${maxBytes} are allowed`);
    }
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await file.read(bytes, 0, size, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** An ordinary file, open to read. @throws SideglanceError as `readSmallFile` */
export async function openPlain(path: string) {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  // Without blocking: a pipe of this name would wait for its writer for ever.
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ELOOP') throw notPlain(path, 'is a link');
    throw new SideglanceError(
      'SG_MODEL_UNREADABLE',
      `${path} cannot be read: ${reasonOf(cause)}. Copy the bundle again`,
      { cause },
    );
  });
  const facts = await file.stat();
  if (facts.isFile()) return file;
  await file.close();
  throw notPlain(path, facts.isDirectory() ? 'is a folder' : 'is a device or a pipe');
}

export function notPlain(path: string, what: string): SideglanceError {
  return new SideglanceError(
    'SG_BUNDLE_ENTRY_KIND',
    `${path} ${what}, not an ordinary file. Put the file itself there`,
  );
}
