import { CODE, clamp01, HALF_HEIGHT, HALF_WIDTH, PRINT, smooth } from './geometry.js';
import { type PartRaster, spanOf } from './raster.js';
import { forEachStroke } from './strokes.js';
import type { Bore, Speck } from './variation.js';

/** Sinks a bore (or a slot) with its countersink into the painted surface. */
export function stampBore(raster: PartRaster, bore: Bore): void {
  const { layers, variation, light } = raster;
  const { lightX, lightY, reflection, highlights } = variation;
  const outer = bore.radius + bore.rim;
  const reach = outer + bore.half + 2;
  const span = spanOf(layers, bore.x - reach, bore.y - outer - 2, bore.x + reach, bore.y + outer + 2);
  const glint = 0.5 + 0.5 * highlights[0]!.strength;
  const ambient = reflection[Math.floor(reflection.length / 2)]!;
  for (let row = span.top; row < span.bottom; row++) {
    const y = (row + 0.5) / layers.scale - HALF_HEIGHT - bore.y;
    for (let column = span.left; column < span.right; column++) {
      const alongSlot = (column + 0.5) / layers.scale - HALF_WIDTH - bore.x;
      const x = alongSlot - Math.max(-bore.half, Math.min(bore.half, alongSlot));
      const distance = Math.sqrt(x * x + y * y);
      const inside = clamp01((outer - distance) * layers.scale + 0.5);
      if (inside === 0) continue;
      const nx = x / (distance || 1);
      const ny = y / (distance || 1);
      const facing = nx * lightX + ny * lightY;
      const lobe = facing < 0 ? facing * facing : 0;
      // The countersink slopes inwards: its far side faces the light.
      const countersink = 92 * ambient * (0.86 - 0.42 * facing + 0.5 * glint * lobe * lobe * lobe);
      const shadow = smooth(-0.25, 0.85, (x * lightX + y * lightY) / bore.radius + 0.08);
      const wall = smooth(0.72, 1, distance / bore.radius) * Math.max(0, -facing);
      const rings = 1 + 0.05 * Math.cos(distance * 2.6);
      const bottom = bore.bottom * rings * (1 - 0.62 * shadow) + 46 * wall * glint;
      const deep = clamp01((bore.radius - distance) * layers.scale + 0.5);
      const value = countersink + (bottom - countersink) * deep;
      const i = row * layers.width + column;
      light[i] = light[i]! + (value - light[i]!) * inside;
    }
  }
}

/** Writes both lines of print into the ink raster. */
export function drawInk(raster: PartRaster): void {
  const { variation } = raster;
  const [first, second] = variation.lines;
  const place = { x: PRINT.x + variation.printX, width: PRINT.width, height: PRINT.height, advance: PRINT.advance };
  const draw = (x0: number, y0: number, x1: number, y1: number) => drawStroke(raster, x0, y0, x1, y1);
  forEachStroke(first, { ...place, y: PRINT.firstLine + variation.printY }, draw);
  forEachStroke(second, { ...place, y: PRINT.secondLine + variation.printY }, draw);
  drawCode(raster);
}

/** Darkens the surface by the ink in the raster; the ink takes a little of the grain beneath it. */
export function applyInk(raster: PartRaster): void {
  const { light, ink, variation } = raster;
  for (let i = 0; i < ink.length; i++) {
    if (ink[i]! > 0) light[i] = light[i]! * (1 - variation.printDensity * ink[i]!);
  }
}

function drawStroke(raster: PartRaster, x0: number, y0: number, x1: number, y1: number): void {
  const { layers, ink } = raster;
  const half = PRINT.stroke / 2;
  const span = spanOf(
    layers,
    Math.min(x0, x1) - half - 1,
    Math.min(y0, y1) - half - 1,
    Math.max(x0, x1) + half + 1,
    Math.max(y0, y1) + half + 1,
  );
  const dx = x1 - x0;
  const dy = y1 - y0;
  const lengthSquared = dx * dx + dy * dy || 1;
  for (let row = span.top; row < span.bottom; row++) {
    const y = (row + 0.5) / layers.scale - HALF_HEIGHT;
    for (let column = span.left; column < span.right; column++) {
      const x = (column + 0.5) / layers.scale - HALF_WIDTH;
      const t = clamp01(((x - x0) * dx + (y - y0) * dy) / lengthSquared);
      const fromX = x - x0 - t * dx;
      const fromY = y - y0 - t * dy;
      const distance = Math.sqrt(fromX * fromX + fromY * fromY);
      const amount = clamp01((half - distance) * layers.scale + 0.5);
      const i = row * layers.width + column;
      if (amount > ink[i]!) ink[i] = amount;
    }
  }
}

function drawCode(raster: PartRaster): void {
  const { layers, ink, variation } = raster;
  const half = (CODE.cells * CODE.cell) / 2;
  const left = CODE.x + variation.printX - half;
  const top = CODE.y + variation.printY - half;
  const span = spanOf(layers, left, top, left + 2 * half, top + 2 * half);
  for (let row = span.top; row < span.bottom; row++) {
    const y = ((row + 0.5) / layers.scale - HALF_HEIGHT - top) / CODE.cell;
    if (y < 0 || y >= CODE.cells) continue;
    for (let column = span.left; column < span.right; column++) {
      const x = ((column + 0.5) / layers.scale - HALF_WIDTH - left) / CODE.cell;
      if (x < 0 || x >= CODE.cells) continue;
      if (variation.code[Math.floor(y) * CODE.cells + Math.floor(x)] === 1) ink[row * layers.width + column] = 0.85;
    }
  }
}

/** A grain of dust or a tiny stain, too small to matter: good parts carry some. */
export function stampSpeck(raster: PartRaster, speck: Speck): void {
  const { layers, light } = raster;
  const reach = 3 * speck.radius;
  const span = spanOf(layers, speck.x - reach, speck.y - reach, speck.x + reach, speck.y + reach);
  for (let row = span.top; row < span.bottom; row++) {
    const y = (row + 0.5) / layers.scale - HALF_HEIGHT - speck.y;
    for (let column = span.left; column < span.right; column++) {
      const x = (column + 0.5) / layers.scale - HALF_WIDTH - speck.x;
      const i = row * layers.width + column;
      light[i] = light[i]! * (1 + speck.strength * Math.exp((-0.5 * (x * x + y * y)) / (speck.radius * speck.radius)));
    }
  }
}
