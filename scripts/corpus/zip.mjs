// Reads the files of a zip archive (also .pk3 and .sh3f); stored and deflated entries, no encryption, no zip64.
import { inflateRawSync } from 'node:zlib';

/**
 * @param {Buffer} bytes
 * @returns {Map<string, () => Buffer>} reading each file by its name
 */
export function readZip(bytes) {
  const end = bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0) throw new Error('not a zip archive');
  const files = new Map();
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    const method = bytes.readUInt16LE(at + 10);
    const size = bytes.readUInt32LE(at + 20);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset));
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    const header = bytes.readUInt32LE(at + 42);
    if (!name.endsWith('/')) files.set(name, () => extract(bytes, header, size, method));
    at += 46 + nameLength + extraLength + commentLength;
  }
  return files;
}

function extract(bytes, header, size, method) {
  const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
  const data = bytes.subarray(start, start + size);
  if (method === 0) return data;
  if (method === 8) return inflateRawSync(data);
  throw new Error(`zip method ${method} is not supported`);
}
