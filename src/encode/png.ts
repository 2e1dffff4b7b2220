import { promisify } from 'node:util';
import { deflate, deflateSync } from 'node:zlib';

const deflateElsewhere = promisify(deflate);
/** Up to so many bytes are compressed at once: another thread would take longer to be woken. */
const SMALL_BYTES = 16 * 1024;
/** PNG (ISO/IEC 15948) 5.2. */
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * A grey PNG of 8 or 16 bits with text chunks, so that a map that was saved on its own still says what its grey values
 * mean (sharp writes no text chunks).
 *
 * @param pixels width × height values, rows without padding; their type decides the depth.
 * @param text keyword (Latin letters, at most 79) → text in any script, stored as iTXt.
 */
export async function encodeGreyPng(
  width: number,
  height: number,
  pixels: Uint8Array | Uint16Array,
  text: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  // 7.2: each row begins with its filter type; 0 is none, which suits noisy maps.
  const depth = pixels.BYTES_PER_ELEMENT * 8;
  const samples = depth === 8 ? (pixels as Uint8Array) : bigEndian(pixels as Uint16Array);
  const rowBytes = width * pixels.BYTES_PER_ELEMENT;
  const rows = new Uint8Array((rowBytes + 1) * height);
  for (let y = 0; y < height; y++) rows.set(samples.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1);

  // 11.2.2: width, height, bits, grey, deflate, adaptive filters, not interlaced.
  const header = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, depth, 0, 0, 0, 0]);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);

  const chunks = [
    chunk('IHDR', header),
    ...Object.entries(text).map(([keyword, value]) => chunk('iTXt', Buffer.from(`${keyword}\0\0\0\0\0${value}`))),
    chunk('IDAT', rows.length <= SMALL_BYTES ? deflateSync(rows) : await deflateElsewhere(rows)),
    chunk('IEND', new Uint8Array()),
  ];
  const png = new Uint8Array(chunks.reduce((sum, part) => sum + part.length, SIGNATURE.length));
  png.set(SIGNATURE);
  let at = SIGNATURE.length;
  for (const part of chunks) {
    png.set(part, at);
    at += part.length;
  }
  return png;
}

/** 7.1: the more significant byte first. */
function bigEndian(values: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 2);
  values.forEach((value, i) => {
    bytes[2 * i] = value >> 8;
    bytes[2 * i + 1] = value & 255;
  });
  return bytes;
}

/** The texts of a PNG that `encodeGreyPng` has written, by their keywords. */
export function greyPngText(png: Uint8Array): Record<string, string> {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const text: Record<string, string> = {};
  for (let at = SIGNATURE.length; at + 12 <= png.length; at += view.getUint32(at) + 12) {
    if (Buffer.from(png.subarray(at + 4, at + 8)).toString('latin1') !== 'iTXt') continue;
    const data = Buffer.from(png.subarray(at + 8, at + 8 + view.getUint32(at))).toString();
    // 11.3.4.5: keyword, two flags, language and translated keyword, which are empty, text.
    const [keyword = '', , , , , ...value] = data.split('\0');
    text[keyword] = value.join('\0');
  }
  return text;
}

/** 5.3: length, type, data, CRC of type and data. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(Buffer.from(type, 'latin1'), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** Annex D. `zlib.crc32` would do, but Node 20.9 has none. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = CRC_TABLE[(c ^ byte) & 255]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}
