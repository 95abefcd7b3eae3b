import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPackage, sha256Digest } from '../../src/provenance/index.js';
import { CYCLONEDX, packageWith } from './support.js';

const TRUNCATIONS = 300;
const FLIPS = 600;
const SPLICES = 200;

/** A small generator with a fixed seed, so that a failure can be seen again. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const GOOD = packageWith({ 'sbom.spdx.json': null, 'sbom.cdx.json': CYCLONEDX });

test('a truncated package is refused, and nothing throws or hangs', { timeout: 120_000 }, async () => {
  const random = randomNumbers(1);
  for (let round = 0; round < TRUNCATIONS; round += 1) {
    const read = await readPackage(GOOD.subarray(0, random(GOOD.byteLength)));
    assert.equal(read.ok, false);
  }
});

test(
  'a flipped bit is refused or lies inside a part that may be anything',
  { timeout: 120_000 },
  async () => {
    const random = randomNumbers(2);
    for (let round = 0; round < FLIPS; round += 1) {
      const damaged = Buffer.from(GOOD);
      const offset = random(damaged.byteLength);
      damaged[offset] = (damaged[offset] ?? 0) ^ (1 << random(8));
      const read = await readPackage(damaged);
      if (read.ok) assert.notEqual(read.package.digest, sha256Digest(GOOD));
      else assert.ok(read.problems.every(({ path, reason }) => path !== '' && reason !== ''));
    }
  },
);

test('blocks moved, doubled and dropped never throw or hang', { timeout: 120_000 }, async () => {
  const random = randomNumbers(3);
  const blocks = GOOD.byteLength / 512;
  for (let round = 0; round < SPLICES; round += 1) {
    const [from, to, length] = [random(blocks), random(blocks), random(4)].map((block) => block * 512) as [
      number,
      number,
      number,
    ];
    const damaged = Buffer.concat([
      GOOD.subarray(0, to),
      GOOD.subarray(from, from + length),
      GOOD.subarray(to + random(2) * 512),
    ]);
    const read = await readPackage(damaged);
    assert.equal(typeof read.ok, 'boolean');
  }
});
