/**
 * BLAKE2b without a key (RFC 7693), for digests shorter than the 64 bytes that `node:crypto` offers: minisign's secret keys
 * hold a checksum of 32. Plain and slow: for texts of a few hundred bytes.
 */

const MASK = (1n << 64n) - 1n;
const IV = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
] as const;
const BLOCK_BYTES = 128;
/** RFC 7693, 2.7. Rounds 10 and 11 begin anew. */
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
] as const;
/** The four words that each of a round's eight mixings works on (RFC 7693, 3.2): columns, then diagonals. */
const MIXED = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

/** @param length of the digest in bytes, 1 to 64 */
export function blake2b(data: Uint8Array, length: number): Buffer {
  const h = IV.map((word) => word);
  h[0]! ^= 0x01010000n ^ BigInt(length);
  const padded = Buffer.alloc(Math.max(1, Math.ceil(data.byteLength / BLOCK_BYTES)) * BLOCK_BYTES);
  padded.set(data);
  for (let at = 0; at < padded.byteLength; at += BLOCK_BYTES) {
    const last = at + BLOCK_BYTES === padded.byteLength;
    compress(h, padded.subarray(at, at + BLOCK_BYTES), BigInt(last ? data.byteLength : at + BLOCK_BYTES), last);
  }
  const digest = Buffer.alloc(64);
  for (const [i, word] of h.entries()) digest.writeBigUInt64LE(word, i * 8);
  return digest.subarray(0, length);
}

/** RFC 7693, 3.2: the compression function F. */
function compress(h: bigint[], block: Buffer, count: bigint, last: boolean): void {
  const v: bigint[] = [...h, ...IV];
  v[12]! ^= count;
  if (last) v[14]! ^= MASK;
  const m = Array.from({ length: 16 }, (_, i) => block.readBigUInt64LE(i * 8));
  for (let round = 0; round < 12; round++) {
    const sigma = SIGMA[round % 10]!;
    for (const [i, [a, b, c, d]] of MIXED.entries()) {
      mix(v, a, b, c, d, m[sigma[2 * i]!]!);
      turn(v, a, b, c, d, m[sigma[2 * i + 1]!]!);
    }
  }
  for (let i = 0; i < 8; i++) h[i]! ^= v[i]! ^ v[i + 8]!;
}

/** RFC 7693, 3.1: the first half of the mixing function G. */
function mix(v: bigint[], a: number, b: number, c: number, d: number, x: bigint): void {
  v[a] = (v[a]! + v[b]! + x) & MASK;
  v[d] = rotate(v[d]! ^ v[a]!, 32n);
  v[c] = (v[c]! + v[d]!) & MASK;
  v[b] = rotate(v[b]! ^ v[c]!, 24n);
}

/** The second half. */
function turn(v: bigint[], a: number, b: number, c: number, d: number, y: bigint): void {
  v[a] = (v[a]! + v[b]! + y) & MASK;
  v[d] = rotate(v[d]! ^ v[a]!, 16n);
  v[c] = (v[c]! + v[d]!) & MASK;
  v[b] = rotate(v[b]! ^ v[c]!, 63n);
}

function rotate(word: bigint, bits: bigint): bigint {
  return (word >> bits) | ((word << (64n - bits)) & MASK);
}
