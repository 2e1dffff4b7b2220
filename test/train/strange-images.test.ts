import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Random } from '../../src/random.js';
import { type GoodImage, type ImageFacts, warnOfFeatures, warnOfPixels } from '../../src/train/strange-images.js';

const random = new Random(17);
const [WIDTH, HEIGHT] = [40, 32];

/** Fine stripes, seen through a lens that smears `blur` pixels together. */
function image(index: number, { blur = 1, brightness = 100 } = {}): GoodImage {
  const row = Array.from({ length: WIDTH + blur }, (_, x) => brightness + (x % 4 < 2 ? 20 : -20) + 3 * random.normal());
  const data = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, at) => {
    const x = Math.floor(at / 3) % WIDTH;
    const smeared = row.slice(x, x + blur).reduce((sum, value) => sum + value, 0) / blur;
    return Math.max(0, Math.min(255, smeared + 2 * (x - WIDTH / 2)));
  });
  return { width: WIDTH, height: HEIGHT, data, file: `good/${index}.png` };
}

const hundred = Array.from({ length: 100 }, (_, index) => image(index));

function facts(index: number, product: number, strangeness = Math.exp(0.1 * random.normal())): ImageFacts {
  const feature = Float32Array.from({ length: 8 }, (_, c) => random.normal() * 0.1 + (c < 4 ? product : 0));
  return { file: `good/${index}.png`, feature, strangeness };
}

const alike = Array.from({ length: 100 }, (_, index) => facts(index, 0));

describe('warnings about good images', () => {
  test('nothing is said of good images that are alike, sharp and well exposed', () => {
    assert.deepEqual(warnOfPixels(hundred), []);
    assert.deepEqual(warnOfFeatures(alike), []);
  });

  test('few images are too few', () => {
    assert.match(warnOfPixels(hundred.slice(0, 25))[0]!.text, /^only 25 good images/);
  });

  test('blurred images are named, the worst first', () => {
    const images = hundred.map((each, index) => (index === 7 ? image(7, { blur: 3 }) : each));
    images[8] = image(8, { blur: 6 });
    const [warning, ...more] = warnOfPixels(images);
    assert.equal(more.length, 0);
    assert.match(warning!.text, /^2 of the good images are far less sharp/);
    assert.deepEqual([...warning!.files].sort(), ['good/7.png', 'good/8.png']);
  });

  test('places that are saturated in some images are warned of, a backlight is not', () => {
    const glaring = hundred.map((each, index) => (index % 2 === 0 ? image(index, { brightness: 230 }) : each));
    assert.match(warnOfPixels(glaring)[0]!.text, /% of the pixels are saturated in some/);
    const backlit = hundred.map((each) => ({ ...each, data: each.data.map((value, at) => (at < 2000 ? 255 : value)) }));
    assert.deepEqual(warnOfPixels(backlit), []);
  });

  test('an image unlike the rest is named, whether the norm was learnt from it or not', () => {
    const spoiled = alike.map((each, index) =>
      index === 40 || index === 41 ? facts(index, 0, index === 41 ? 400 : 40) : each,
    );
    const [warning] = warnOfFeatures(spoiled);
    assert.match(warning!.text, /^2 of the good images are unlike the rest/);
    assert.deepEqual(warning!.files, ['good/41.png', 'good/40.png']);
  });

  test('two products among the good images are noticed, and the smaller group is named', () => {
    const mixed = alike.map((each, index) => (index % 4 === 0 ? facts(index, 3) : each));
    const warning = warnOfFeatures(mixed).find(({ text }) => text.includes('two different products'));
    assert.match(warning!.text, /25 of 100 form a group/);
    assert.ok(warning!.files.every((file) => Number(/\d+/.exec(file)![0]) % 4 === 0));
  });
});
