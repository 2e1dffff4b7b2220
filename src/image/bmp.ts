import type { Picture } from '../types.js';

/** sharp cannot read BMP, which many camera programs save. Sizes from the BITMAPFILEHEADER and BITMAPINFOHEADER. */
const FILE_HEADER_BYTES = 14;
const INFO_HEADER_BYTES = 40;
const BI_RGB = 0;
const BI_BITFIELDS = 3;
const MAX_PIXELS = 2 ** 28;

export function isBmp(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x42 && bytes[1] === 0x4d;
}

/**
 * Decodes an uncompressed BMP of 8 (palette), 24 or 32 bits a pixel to RGB.
 * @throws Error saying what is wrong with the file, or which kind of BMP it is.
 */
export function decodeBmp(bytes: Uint8Array): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < FILE_HEADER_BYTES + INFO_HEADER_BYTES) throw new Error('BMP: the file ends inside its header');
  const pixelsAt = view.getUint32(10, true);
  const headerBytes = view.getUint32(14, true);
  if (headerBytes < INFO_HEADER_BYTES) throw new Error(`BMP: a header of ${headerBytes} bytes is not understood`);
  const width = view.getInt32(18, true);
  const signedHeight = view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  const bits = view.getUint16(28, true);
  const compression = view.getUint32(30, true);
  if (width < 1 || height < 1 || width * height > MAX_PIXELS) {
    throw new Error(`BMP: a size of ${width}×${height} is not possible`);
  }
  if (bits !== 8 && bits !== 24 && bits !== 32) {
    throw new Error(`BMP: ${bits} bits a pixel are not understood (8, 24 and 32 are)`);
  }
  const usualMasks = compression === BI_BITFIELDS && bits === 32 && hasUsualMasks(view);
  if (compression !== BI_RGB && !usualMasks) throw new Error(`BMP: compression ${compression} is not understood`);

  const stride = Math.ceil((width * bits) / 32) * 4;
  if (bytes.length < pixelsAt + stride * height) throw new Error('BMP: the file ends inside its pixels');
  const paletteAt = FILE_HEADER_BYTES + headerBytes;
  const colours = bits === 8 ? view.getUint32(46, true) || 256 : 0;
  if (paletteAt + colours * 4 > pixelsAt) throw new Error('BMP: the palette does not fit before the pixels');

  const data = new Uint8Array(width * height * 3);
  for (let y = 0, out = 0; y < height; y++) {
    // A positive height means that the bottom row comes first.
    let at = pixelsAt + (signedHeight > 0 ? height - 1 - y : y) * stride;
    for (let x = 0; x < width; x++, at += bits >> 3, out += 3) {
      const from = bits === 8 ? paletteAt + bytes[at]! * 4 : at;
      if (bits === 8 && bytes[at]! >= colours) throw new Error(`BMP: colour ${bytes[at]} is not in the palette`);
      data[out] = bytes[from + 2]!;
      data[out + 1] = bytes[from + 1]!;
      data[out + 2] = bytes[from]!;
    }
  }
  return { width, height, stride: width * 3, format: 'RGB', data };
}

/** Red, green and blue masks that say what 32 bits without masks mean anyway. */
function hasUsualMasks(view: DataView): boolean {
  if (view.byteLength < 66) return false;
  return (
    view.getUint32(54, true) === 0xff0000 && view.getUint32(58, true) === 0xff00 && view.getUint32(62, true) === 0xff
  );
}
