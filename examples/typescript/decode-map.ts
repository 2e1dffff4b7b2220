/** Reads an anomaly map of the form `float16`; cell (r, c) has the value `values[r * columns + c]`. */
export function decodeMap(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x53474d31) throw new Error('not an anomaly map: it does not begin with SGM1');
  const whole = (at: number): number => view.getUint16(at, true);
  const real = (at: number): number => view.getFloat32(at, true);
  const [rows, columns, inputWidth, inputHeight] = [whole(6), whole(8), whole(10), whole(12)];
  const [cell, mapThreshold, offset, scale] = [real(16), real(20), real(24), real(28)];
  const values = Float32Array.from({ length: rows * columns }, (_, i) => {
    const half = whole(whole(4) + 2 * i);
    const [exponent, fraction] = [(half >> 10) & 31, (half & 1023) / 1024];
    const special = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
    const size = exponent === 31 ? special : (exponent ? 1 + fraction : 2 * fraction) * 2 ** (exponent - 15);
    return offset + scale * (half >> 15 ? -size : size);
  });
  return { rows, columns, cell, inputWidth, inputHeight, mapThreshold, values };
}
