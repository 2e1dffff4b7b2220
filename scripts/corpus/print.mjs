// Printed and drawn matter: serial numbers, scales, bar and matrix codes, conductor tracks, halftones. Made here, so
// that edges and strokes of every width and contrast are in the corpus without anyone's licence.
import sharp from 'sharp';

const SIZE = 512;
/** Segments a…g of a seven-segment digit on a 1 × 2 field. */
const SEGMENTS = ['M0 0H1', 'M1 0V1', 'M1 1V2', 'M0 2H1', 'M0 1V2', 'M0 0V1', 'M0 1H1'];
const DIGITS = ['abcdef', 'bc', 'abged', 'abgcd', 'fgbc', 'afgcd', 'afgedc', 'abc', 'abcdefg', 'abcdfg'];

export const PRINT_KINDS = ['serial', 'scale', 'barcode', 'matrix', 'tracks', 'halftone'];

/**
 * @param {string} kind one of PRINT_KINDS
 * @param {() => number} random
 * @returns {Promise<sharp.Sharp>} SIZE × SIZE, RGB
 */
export async function renderPrint(kind, random) {
  const [ground, ink] = [colour(random), colour(random)];
  const body = { serial, scale, barcode, matrix, tracks, halftone }[kind](random);
  const turn = `rotate(${360 * random()} 256 256) scale(${0.7 + random()})`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}"><rect width="100%" height="100%" fill="${ground}"/><g transform="${turn}" fill="${ink}" stroke="${ink}">${body}</g></svg>`;
  const flat = sharp(Buffer.from(svg))
    .removeAlpha()
    .blur(0.4 + 1.2 * random());
  return grainy(await flat.raw().toBuffer(), 1 + 6 * random(), random);
}

function serial(random) {
  const lines = Array.from({ length: 14 }, (_, row) => {
    const size = 10 + 26 * random();
    const digits = Array.from({ length: 20 }, (_, i) => {
      const shape = [...DIGITS[Math.floor(10 * random())]]
        .map((letter) => SEGMENTS[letter.charCodeAt(0) - 97])
        .join('');
      return `<path transform="translate(${i * size * 1.7} ${row * 60 - 100}) scale(${size})" d="${shape}"/>`;
    });
    return `<g stroke-width="${0.08 + 0.25 * random()}" fill="none">${digits.join('')}</g>`;
  });
  return lines.join('');
}

function scale(random) {
  const step = 4 + 12 * random();
  const rings = Array.from(
    { length: 8 },
    (_, i) =>
      `<circle cx="256" cy="256" r="${30 + i * 45 * (0.7 + 0.6 * random())}" fill="none" stroke-width="${0.7 + 5 * random()}"/>`,
  );
  const ticks = Array.from(
    { length: 90 },
    (_, i) => `<path d="M${i * step - 100} 0v${i % 10 ? (i % 5 ? 20 : 30) : 45}" stroke-width="${0.1 * step}"/>`,
  );
  return rings.join('') + ticks.join('');
}

function barcode(random) {
  let x = -150;
  let bars = '';
  const unit = 1.5 + 5 * random();
  while (x < 700) {
    const width = unit * (1 + Math.floor(4 * random()));
    bars += `<rect x="${x}" y="-100" width="${width}" height="${300 + 400 * random()}" stroke="none"/>`;
    x += width + unit * (1 + Math.floor(4 * random()));
  }
  return bars;
}

function matrix(random) {
  const cell = 4 + 16 * random();
  let cells = '';
  for (let y = -100; y < 600; y += cell)
    for (let x = -100; x < 600; x += cell)
      if (random() < 0.5) cells += `<rect x="${x}" y="${y}" width="${cell}" height="${cell}" stroke="none"/>`;
  return cells;
}

function tracks(random) {
  const grid = 16 + 24 * random();
  return Array.from({ length: 90 }, () => {
    let [x, y] = [Math.round(random() * 30) * grid - 100, Math.round(random() * 30) * grid - 100];
    let path = `M${x} ${y}`;
    const pads = [`<circle cx="${x}" cy="${y}" r="${0.3 * grid}"/>`];
    for (let bend = 0; bend < 4; bend++) {
      const [dx, dy] = [
        [1, 0],
        [0, 1],
        [1, 1],
        [-1, 1],
      ][Math.floor(4 * random())];
      const steps = 1 + Math.floor(5 * random());
      x += dx * steps * grid;
      y += dy * steps * grid;
      path += `L${x} ${y}`;
    }
    pads.push(`<circle cx="${x}" cy="${y}" r="${0.3 * grid}"/>`);
    return `<path d="${path}" fill="none" stroke-width="${0.12 * grid + 3 * random()}"/>${pads.join('')}`;
  }).join('');
}

function halftone(random) {
  const pitch = 6 + 18 * random();
  const [fx, fy] = [0.03 * random(), 0.03 * random()];
  let dots = '';
  for (let y = -100; y < 600; y += pitch)
    for (let x = -100; x < 600; x += pitch)
      dots += `<circle cx="${x}" cy="${y}" r="${pitch * (0.3 + 0.2 * Math.sin(fx * x + fy * y))}" stroke="none"/>`;
  return dots;
}

function colour(random) {
  const grey = 255 * random();
  const tint = () => Math.round(Math.min(255, Math.max(0, grey + 120 * (random() - 0.5))));
  return `rgb(${tint()},${tint()},${tint()})`;
}

/** Sensor noise, and light that falls off to one side. */
function grainy(data, deviation, random) {
  const [slopeX, slopeY] = [random() - 0.5, random() - 0.5];
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [Math.floor(i / 3) % SIZE, Math.floor(i / 3 / SIZE)];
    const light = 1 + slopeX * (x / SIZE - 0.5) + slopeY * (y / SIZE - 0.5);
    const noise = deviation * (random() + random() + random() - 1.5) * 2;
    data[i] = Math.min(255, Math.max(0, data[i] * light + noise));
  }
  return sharp(data, { raw: { width: SIZE, height: SIZE, channels: 3 } });
}
