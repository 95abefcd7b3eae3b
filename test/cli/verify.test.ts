import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { verifyReceiptFile, type Verification } from '../../src/cli/verify-receipt-file.js';
import { canonicalJson, formatVerifierKey, noteSigner } from '../../src/ledger/index.js';
import { runCast } from '../operations/cast/run-cast.js';
import { receiptFile, trustedKeys } from '../receipts/support.js';
import { startHarness } from '../support/harness.js';
import { buildPackage } from '../support/packages.js';
import { Desk, spell } from './spell.js';

const METERED = { model: 'metered', price_usd: '0.001', usd_per_gigafuel: '2' };

describe('spell verify', async () => {
  const desk = await Desk.set();
  after(() => desk.clear());
  const harness = await startHarness();
  const { client } = await harness.seed.account(['cast', 'publish']);
  const options = { guest: 'echo', pricing: METERED, key: 'com.example.verified' } as const;
  const tar = await buildPackage(options);
  await client.fetch('/v1/spells', {
    method: 'POST',
    body: JSON.stringify({ package_base64: tar.toString('base64') }),
  });
  const cast = await runCast(client, { spell: options.key, input: 'what was said' });
  const file = await receiptFile(client, cast.id);
  const receipt = await desk.file('receipt.json', file);
  const key = trustedKeys(harness).map(formatVerifierKey).join('\n');
  const input = await desk.file('input', 'what was said');
  const other = await desk.file('other', 'what was not said');
  const packaged = await desk.file('package.tar', tar);
  // Somewhere without the keys of this machine's own platform.
  const run = (...args: string[]) => spell(['verify', ...args], undefined, desk.folder);
  const failing = ({ checks }: Verification) => checks.filter(({ ok }) => !ok).map(({ name }) => name);

  it('ok: every check holds, one line for each, exit code 0', async () => {
    const files = ['--input', input, '--output', input, '--package', packaged];
    const { code, stdout } = await run(receipt, '--key', key, ...files);
    const lines = stdout.toString().trimEnd().split('\n');
    assert.equal(code, 0, stdout.toString());
    assert.deepEqual(
      lines.map((line) => line.split(/\s+/).slice(0, 2).join(' ')),
      [
        'ok schema',
        'ok keys',
        'ok commitment',
        'ok leaf',
        'ok coherence',
        'ok price',
        'ok signature',
        'ok inclusion',
        'ok input',
        'ok output',
        'ok package',
        'verified',
      ],
    );
    assert.match(
      stdout.toString(),
      new RegExp(`price +${cast.costMicros} micros: 1000 \\+ 2000000 for each`),
    );
  });

  it('ok: as JSON, with the key in a file, and after another tool has written it anew', async () => {
    const path = await desk.file('keys', `${key}\n`);
    const rewritten = JSON.stringify(JSON.parse(file.toString()), null, 4).replaceAll('—', '\\u2014');
    const { code, stdout } = await run(await desk.file('rewritten.json', rewritten), '--key', path, '--json');
    const report = JSON.parse(stdout.toString()) as Verification;
    assert.deepEqual([code, report.verified, report.pinned, report.checks.length], [0, true, true, 8]);
  });

  it('ok: the keys of this machine’s own platform are found', async () => {
    const folder = join(desk.folder, 'home');
    await mkdir(join(folder, '.spell'), { recursive: true });
    await writeFile(join(folder, '.spell', 'ledger.vkey'), `${key}\n`);
    const { code, stdout } = await spell(['verify', receipt], undefined, folder);
    assert.equal(code, 0);
    assert.match(stdout.toString(), /ok +keys +\.spell\/ledger\.vkey/);
    assert.doesNotMatch(stdout.toString(), /WARNING/);
  });

  it('not verified: without a key nobody knows whose receipt it is, and the exit code says so', async () => {
    const { code, stdout } = await run(receipt);
    assert.equal(code, 4);
    assert.match(stdout.toString(), /NOT VERIFIED: no key was given\nWARNING: the keys were NOT PINNED/);
    const report = await verifyReceiptFile(receipt, {});
    assert.deepEqual([report.verified, report.pinned, failing(report)], [false, false, []]);
  });

  it('ok, loudly: the receipt’s own keys, when they are to be taken as they come', async () => {
    const { code, stdout } = await run(receipt, '--unpinned');
    assert.equal(code, 0);
    assert.match(stdout.toString(), /verified\nWARNING: the keys were NOT PINNED/);
  });

  it('not verified: another input, output or package, each named', async () => {
    const files = { key: [key], input: other, output: other, package: other };
    const report = await verifyReceiptFile(receipt, files);
    assert.equal(report.verified, false);
    assert.deepEqual(failing(report), ['input', 'output', 'package']);
  });

  it('not verified: somebody else’s key, also one that took the log’s name', async () => {
    for (const name of [harness.config.ledgerOrigin, 'somebody.else']) {
      const foreign = formatVerifierKey(noteSigner(name, Buffer.alloc(32, 7)));
      const report = await verifyReceiptFile(receipt, { key: [foreign] });
      assert.equal(report.verified, false);
      assert.deepEqual(failing(report), ['signature', 'inclusion']);
    }
  });

  it('not verified: a changed price, and the lines say which checks fail', async () => {
    const changed = JSON.parse(file.toString()) as { content: { price: { costMicros: string } } };
    changed.content.price.costMicros = '1';
    const { code, stdout } = await run(await desk.file('cheap.json', canonicalJson(changed)), '--key', key);
    assert.equal(code, 1);
    const failed = stdout.toString().match(/^FAIL +\w+/gm);
    assert.deepEqual(failed, ['FAIL  commitment', 'FAIL  price', 'FAIL  signature']);
    assert.match(stdout.toString(), /^NOT VERIFIED$/m);
  });

  it('not verified: what is no receipt', async () => {
    for (const text of ['', '{}', 'null', '[]', '{"version":1}', file.subarray(1), `${file.toString()}x`])
      assert.deepEqual(failing(await verifyReceiptFile(await desk.file('none.json', text), { key: [key] })), [
        'schema',
      ]);
  });

  it('wrong use: no file, and a key that is none', async () => {
    for (const args of [[], [receipt, '--key', input]]) {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual([code, stdout.length], [2, 0], stderr);
      assert.match(stderr, /^spell: /);
    }
  });
});
