import koffi from 'koffi';

declare const pointee: unique symbol;

/**
 * The address of a native object of one kind. An address is an ordinary bigint at run time; the brand keeps the
 * compiler from letting a `GstCaps *` through where a `GstBuffer *` is meant, which would be a crash.
 */
export type Pointer<Kind extends string> = bigint & { readonly [pointee]: Kind };

/** A `Kind **` that a native function fills in: pass it, then read element 0. Start from `outPointer()`. */
export type OutPointer<Kind extends string> = [Pointer<Kind> | null];

/** An empty cell for a parameter declared as `_Out_ void **`. */
export function outPointer<Kind extends string>(): OutPointer<Kind> {
  return [null];
}

/** Says that `address` points to a `Kind`. The only place where a brand is given away: the caller has to know. */
export function asPointer<Kind extends string>(address: bigint): Pointer<Kind> {
  return address as Pointer<Kind>;
}

/** Where the memory of an array lies, as long as somebody holds the array. */
export function addressOf(array: ArrayBufferView): bigint {
  // V8 keeps small typed arrays inside its movable heap until their buffer is asked for once.
  void array.buffer;
  return koffi.address(array);
}

/** The memory at an address, which must stay there for as long. */
export function bytesAt(address: bigint, bytes: number): Uint8Array {
  return bytes === 0 ? new Uint8Array() : new Uint8Array(koffi.view(address, bytes));
}

/** Memory that may be read: a native address, or bytes that a native function has filled. */
export type Readable = Pointer<string> | Uint8Array;

export function readInt32(from: Readable, offset: number): number {
  return koffi.decode(from, offset, 'int32_t') as number;
}

export function readUInt32(from: Readable, offset: number): number {
  return koffi.decode(from, offset, 'uint32_t') as number;
}

/** An unsigned 64-bit field, always as a bigint (koffi hands out small values as numbers). */
export function readUInt64(from: Readable, offset: number): bigint {
  return BigInt(koffi.decode(from, offset, 'uint64_t') as number | bigint);
}

/** A `size_t` field. @throws RangeError beyond 2^53, which no size that we handle reaches. */
export function readSize(from: Readable, offset: number): number {
  const value = readUInt64(from, offset);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`a size of ${value} bytes cannot be right`);
  return Number(value);
}

export function readPointer<Kind extends string>(from: Readable, offset: number): Pointer<Kind> | null {
  return koffi.decode(from, offset, 'void *') as Pointer<Kind> | null;
}

/** The NUL-terminated UTF-8 text at an address; null for NULL. The memory stays whose it was. */
export function readString(at: Pointer<string> | null): string | null {
  return at === null ? null : koffi.decode.string(at);
}

export function writeUInt64(at: Pointer<string>, offset: number, value: bigint): void {
  koffi.encode(at, offset, 'uint64_t', value);
}
