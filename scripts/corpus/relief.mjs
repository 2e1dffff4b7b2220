// Surfaces rendered from normal maps (what the surface's shape is) and matcaps (what a sphere of the material looks
// like in some light): the colour of a pixel is the matcap's at the place where the sphere has the same normal.
import sharp from 'sharp';

const SIZE = 512;

/**
 * @param {Buffer[]} normalMaps encoded pictures; x, y, z in R, G, B, y upwards. A second one lies upon the first.
 * @param {Buffer} matcap encoded picture of a sphere that fills it
 * @param {() => number} random
 * @returns {Promise<sharp.Sharp>} SIZE × SIZE, RGB
 */
export async function renderRelief(normalMaps, matcap, random) {
  const layers = [];
  for (const normalMap of normalMaps) layers.push(await cutOut(normalMap, random));
  const sphere = await pixels(sharp(matcap));
  const depths = layers.map(() => (0.5 + random()) / Math.sqrt(layers.length));
  const tilt = [0.7 * (random() - 0.5), 0.7 * (random() - 0.5)];
  const bend = [0.8 * (random() - 0.5), 0.8 * (random() - 0.5)]; // a part is seldom flat
  const surface = Buffer.alloc(SIZE * SIZE * 3);
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const at = (y * SIZE + x) * 3;
      let [nx, ny, nz] = [tilt[0] + bend[0] * (x / SIZE - 0.5), tilt[1] + bend[1] * (y / SIZE - 0.5), 1];
      for (const [l, { data, channels }] of layers.entries()) {
        const pixel = (y * SIZE + x) * channels;
        nx += depths[l] * (data[pixel] / 127.5 - 1);
        ny += depths[l] * (data[pixel + 1] / 127.5 - 1);
        nz *= Math.max(data[pixel + 2] / 127.5 - 1, 0.1);
      }
      const length = 0.97 / Math.hypot(nx, ny, nz); // the rim of a matcap is not lit reliably
      sample(sphere, 0.5 + 0.5 * nx * length, 0.5 - 0.5 * ny * length, surface, at);
    }
  }
  return sharp(surface, { raw: { width: SIZE, height: SIZE, channels: 3 } });
}

/** A piece of SIZE × SIZE from anywhere in the map, at a scale of 1 to 2.5. */
async function cutOut(normalMap, random) {
  const side = Math.round(SIZE * (1 + 1.5 * random() ** 2));
  const [left, top] = [random(), random()].map((share) => Math.floor(share * (side - SIZE)));
  return pixels(sharp(normalMap).resize(side, side, { fit: 'fill' }).extract({ left, top, width: SIZE, height: SIZE }));
}

async function pixels(image) {
  const { data, info } = await image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels };
}

/** Bilinear; u and v in 0…1. */
function sample({ data, width, height, channels }, u, v, into, at) {
  const x = u * (width - 1);
  const y = v * (height - 1);
  const [x0, y0] = [Math.min(Math.floor(x), width - 2), Math.min(Math.floor(y), height - 2)];
  const [fx, fy] = [x - x0, y - y0];
  for (let c = 0; c < 3; c++) {
    const p = (y0 * width + x0) * channels + c;
    const upper = data[p] * (1 - fx) + data[p + channels] * fx;
    const lower = data[p + width * channels] * (1 - fx) + data[p + (width + 1) * channels] * fx;
    into[at + c] = upper * (1 - fy) + lower * fy;
  }
}
