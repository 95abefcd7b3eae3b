import assert from 'node:assert/strict';
import { test } from 'node:test';
import { microsFromDecimal } from '../../src/provenance/money-text.js';
import { accepted, lines, manifestWith, MANIFEST, packageWith, refused } from './support.js';

const EXACT: [string, bigint][] = [
  ['0', 0n],
  ['0.000001', 1n],
  ['1', 1_000_000n],
  ['0.1', 100_000n],
  ['0.2', 200_000n],
  ['0.3', 300_000n],
  ['0.29', 290_000n],
  ['1.005', 1_005_000n],
  ['8.41', 8_410_000n],
  ['999999.999999', 999_999_999_999n],
  ['1e-06', 1n],
  ['1e-6', 1n],
  ['2.5E3', 2_500_000_000n],
];

for (const [text, micros] of EXACT) {
  test(`${text} is ${micros} micros`, () => assert.deepEqual(microsFromDecimal(text), { ok: true, micros }));
}

for (const text of [
  '0.0000015',
  '0.0000001',
  '1e-7',
  '1.5e-6',
  '-1',
  '+1',
  '.5',
  '1.',
  '1,5',
  ' 1',
  '',
  'NaN',
  '1000001',
  '1e99',
  '0x10',
  '１',
]) {
  test(`${JSON.stringify(text)} is refused`, () => assert.equal(microsFromDecimal(text).ok, false));
}

/** The manifest as JSON text whose pricing is written exactly as given, which JSON.stringify would not do. */
function withPricing(pricing: string): Buffer {
  const text = JSON.stringify(MANIFEST);
  return packageWith({ 'manifest.json': `${text.slice(0, -1)},"pricing":${pricing}}` });
}

test('a JSON number is read by its digits, not as a double', async () => {
  const read = await accepted(withPricing('{"model":"flat","price_usd":0.1}'));
  assert.equal(read.package.manifest.pricing.price_micros, '100000');
  // As doubles these two are 0.000001 and 1.
  for (const number of ['0.00000100000000000000001', '0.99999999999999999999']) {
    assert.deepEqual(lines(await refused(withPricing(`{"model":"flat","price_usd":${number}}`))), [
      'manifest.json/pricing/price_usd: has more than 6 decimals: the smallest amount is 0.000001',
    ]);
  }
});

test('numbers and strings give the same price', async () => {
  for (const price of ['0.000001', '12.34', '1e-06', '3']) {
    const asNumber = await accepted(withPricing(`{"model":"flat","price_usd":${price}}`));
    const asText = await accepted(withPricing(`{"model":"flat","price_usd":"${price}"}`));
    assert.deepEqual(asNumber.package.manifest, asText.package.manifest);
  }
});

test('each model has the amounts it uses and no others', async () => {
  const refusals: [object, RegExp][] = [
    [{ model: 'free', price_usd: '0.01' }, /pricing\/price_usd: must be 0 or absent/],
    [{ model: 'flat' }, /pricing\/price_usd/],
    [
      { model: 'flat', price_usd: '1', usd_per_gigafuel: '1' },
      /pricing\/usd_per_gigafuel: must be 0 or absent/,
    ],
    [{ model: 'metered', price_usd: '1' }, /pricing\/usd_per_gigafuel/],
    [{ model: 'auction' }, /pricing\/model/],
    [{ model: 'flat', price_usd: true }, /pricing\/price_usd/],
  ];
  for (const [pricing, line] of refusals) {
    const problems = await refused(packageWith({ 'manifest.json': manifestWith({ pricing }) }));
    assert.match(lines(problems).join('\n'), line);
  }
  const metered = await accepted(
    withPricing('{"model":"metered","price_usd":0.01,"usd_per_gigafuel":"0.25"}'),
  );
  assert.deepEqual(metered.package.manifest.pricing, {
    model: 'metered',
    price_usd: '0.01',
    usd_per_gigafuel: '0.25',
    price_micros: '10000',
    micros_per_gigafuel: '250000',
  });
});
