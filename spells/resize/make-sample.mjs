// Renders sample.png: a mountain lake at dusk, 1600×1067, the same picture every time.
// Run it with `node make-sample.mjs`; it needs pngjs, which the repository already has.
import { writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';

const width = 1600;
const height = 1067;
const horizon = 690;

const mix = (a, b, t) => a + (b - a) * t;
const mixColor = (a, b, t) => [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)];
const clamp = (x) => Math.min(1, Math.max(0, x));
const smooth = (x) => x * x * (3 - 2 * x);
const distanceBetween = (x, y, toX, toY) => Math.sqrt((x - toX) ** 2 + (y - toY) ** 2);

/** A hash of two integers, from 0 to 1: integer arithmetic only, so it is the same everywhere. */
function noiseAt(x, y) {
  let h = Math.imul(x, 374761393) + Math.imul(y, 668265263);
  h = Math.imul(h ^ (h >>> 13), 1274126177);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967295;
}

function smoothNoise(x, y) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const tx = smooth(x - left);
  const ty = smooth(y - top);
  const upper = mix(noiseAt(left, top), noiseAt(left + 1, top), tx);
  const lower = mix(noiseAt(left, top + 1), noiseAt(left + 1, top + 1), tx);
  return mix(upper, lower, ty);
}

function fractal(x, y, octaves) {
  let sum = 0;
  let weight = 0.5;
  for (let octave = 0; octave < octaves; octave++) {
    sum += weight * smoothNoise(x, y);
    x = x * 2 + 17;
    y = y * 2 + 31;
    weight *= 0.5;
  }
  return sum;
}

const skyStops = [
  [0, [22, 28, 66]],
  [0.35, [70, 62, 120]],
  [0.65, [190, 105, 130]],
  [0.85, [246, 160, 108]],
  [1, [255, 214, 150]],
];

function skyGradient(t) {
  for (let i = 1; i < skyStops.length; i++) {
    const [from, a] = skyStops[i - 1];
    const [to, b] = skyStops[i];
    if (t <= to) return mixColor(a, b, smooth((t - from) / (to - from)));
  }
  return skyStops.at(-1)[1];
}

const sun = { x: 602, y: 500, radius: 46 };

function sky(x, y) {
  let color = skyGradient(clamp(y / horizon));
  const cloud = clamp((fractal(x / 420, y / 90, 5) - 0.52) * 4) * clamp(1.3 - Math.abs(y / horizon - 0.5) * 2);
  color = mixColor(color, mixColor([120, 90, 140], [255, 190, 150], clamp(y / horizon)), cloud * 0.7);

  const distance = distanceBetween(x, y, sun.x, sun.y);
  color = mixColor(color, [255, 226, 170], 0.75 * clamp(1 - distance / 420) ** 2);
  color = mixColor(color, [255, 246, 220], clamp(sun.radius + 1 - distance));

  // One star per 12-pixel cell at most, only in the dark part.
  const cellX = Math.floor(x / 12);
  const cellY = Math.floor(y / 12);
  const dark = clamp(1 - y / 330) * (1 - cloud);
  if (noiseAt(cellX + 900, cellY) > 0.965) {
    const dx = x - (cellX * 12 + 2 + 8 * noiseAt(cellX, cellY + 500));
    const dy = y - (cellY * 12 + 2 + 8 * noiseAt(cellX + 77, cellY));
    color = mixColor(color, [255, 250, 235], dark * clamp(1.3 - distanceBetween(dx, dy, 0, 0)));
  }
  return color;
}

const ridges = [
  { base: 560, rise: 260, scale: 520, seed: 3, color: [134, 104, 148], haze: 0.55 },
  { base: 620, rise: 230, scale: 380, seed: 11, color: [92, 72, 122], haze: 0.35 },
  { base: 668, rise: 170, scale: 260, seed: 29, color: [54, 46, 86], haze: 0.15 },
];
for (const ridge of ridges) {
  ridge.top = Float64Array.from({ length: width }, (_, x) => {
    const shape = fractal(x / ridge.scale + ridge.seed, ridge.seed, 8);
    return ridge.base - ridge.rise * (shape - 0.25) * 1.5;
  });
}

/** Firs along the far shore: a saw-tooth of triangles of different heights. */
const firs = Float64Array.from({ length: width }, (_, x) => {
  let top = horizon - 8;
  for (let tree = Math.floor(x / 9) - 3; tree <= Math.floor(x / 9) + 3; tree++) {
    const center = tree * 9 + 6 * noiseAt(tree, 7);
    const tall = 10 + 46 * noiseAt(tree, 13) * smoothNoise(tree / 22, 5);
    top = Math.min(top, horizon - tall + Math.abs(x - center) * 4.2);
  }
  return top;
});

function land(x, y) {
  if (y >= firs[x]) return mixColor([18, 20, 42], [30, 28, 54], clamp((y - firs[x]) / 60));
  for (let i = ridges.length - 1; i >= 0; i--) {
    const ridge = ridges[i];
    if (y < ridge.top[x]) continue;
    const depth = clamp((y - ridge.top[x]) / 240);
    const rock = fractal(x / 46 + ridge.seed, y / 30 + ridge.seed, 4) - 0.47;
    const snow = clamp((480 - y) / 130 + rock * 3 - depth * 2.2);
    const stone = mixColor(ridge.color, [255, 196, 160], clamp(rock * 0.9));
    const lit = mixColor(stone, [250, 214, 206], snow * 0.8);
    return mixColor(lit, skyGradient(0.9), ridge.haze * depth);
  }
  return sky(x, y);
}

function lake(x, y) {
  const depth = (y - horizon) / (height - horizon);
  const ripple = (fractal(x / (30 + 160 * depth), y / (2 + 9 * depth), 3) - 0.44) * (4 + 60 * depth);
  const mirroredY = Math.round(Math.max(0, horizon - (y - horizon) * 1.5 + ripple));
  const mirroredX = Math.round(Math.min(width - 1, Math.max(0, x + ripple * 0.4)));
  const reflected = land(mirroredX, Math.min(mirroredY, horizon - 1));
  const water = mixColor([44, 52, 96], [12, 16, 40], depth);
  let color = mixColor(reflected, water, 0.25 + 0.45 * depth);
  const glint = clamp(1 - Math.abs(x - sun.x) / (24 + 130 * depth)) * clamp(ripple / 10);
  color = mixColor(color, [255, 214, 160], glint * 0.7);
  return color;
}

const png = new PNG({ width, height, colorType: 2 });
// Steps of 3 keep the file small; a 4×4 ordered dither hides them.
const step = 3;
const bayer = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];
for (let y = 0; y < height; y++) {
  for (let x = 0; x < width; x++) {
    const color = y < horizon ? land(x, y) : lake(x, y);
    const dither = bayer[(y % 4) * 4 + (x % 4)] / 16;
    const at = (y * width + x) * 4;
    for (let channel = 0; channel < 3; channel++) {
      png.data[at + channel] = Math.min(255, Math.floor(color[channel] / step + dither) * step);
    }
    png.data[at + 3] = 255;
  }
}
const file = PNG.sync.write(png, { colorType: 2, deflateLevel: 9, deflateStrategy: 0 });
writeFileSync(new URL('sample.png', import.meta.url), file);
console.log(`sample.png: ${width}x${height}, ${file.length} bytes`);
