import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseReceipt, type Receipt } from '../../src/casts/offline.js';
import {
  canonicalJson,
  formatVerifierKey,
  noteSigner,
  type Leaf,
  type NoteSigner,
} from '../../src/ledger/index.js';
import { runCast } from '../operations/cast/run-cast.js';
import { startHarness } from '../support/harness.js';
import { logAnew, signAgain } from './forge.js';
import { findFault, read, receiptFile, receiptOf, trustedKeys } from './support.js';

const METERED = { model: 'metered', price_usd: '0.001', usd_per_gigafuel: '2' };
const CASTS = 9;

describe('a receipt that was tampered with', async () => {
  const harness = await startHarness();
  const keys = trustedKeys(harness);
  const [key] = keys as [NoteSigner];
  const { client } = await harness.seed.account(['cast', 'publish']);
  const stranger = await harness.seed.account(['cast']);
  const spell = await harness.seed.spell(await harness.seed.account(['publish']), {
    guest: 'echo',
    pricing: METERED,
  });
  const casts = [];
  for (let i = 0; i < CASTS; i += 1) casts.push(await runCast(client, { spell, input: `— input ${i}` }));
  const strangers = await receiptOf(
    stranger.client,
    (await runCast(stranger.client, { spell, input: 'x' })).id,
  );
  const files = await Promise.all(casts.map(({ id }) => receiptFile(client, id)));
  const receipts = files.map(read);
  const receipt = receipts[4] as Receipt;
  const others = receipts.filter((_, i) => i !== 4);

  /** The check that refuses a changed receipt, signed again: what holds when even the signing key were stolen. */
  const refusedBy = (change: (copy: Receipt) => void, isSigned = true): string | undefined => {
    const copy = structuredClone(receipt);
    change(copy);
    return findFault(Buffer.from(canonicalJson(isSigned ? signAgain(copy, key) : copy)), keys)?.name;
  };

  it('every receipt holds before anything is changed', () => {
    for (const untouched of files) assert.equal(findFault(untouched, keys), null);
    assert.equal(
      refusedBy(() => undefined),
      undefined,
    );
  });

  it('proofs that are truncated, over-long, swapped, empty or of another cast are refused, whoever signed', () => {
    const proof = receipt.ledger.inclusionProof;
    assert.ok(proof.hashes.length >= 3);
    for (let length = 0; length < proof.hashes.length; length += 1)
      assert.equal(
        refusedBy(({ ledger }) => ledger.inclusionProof.hashes.splice(length)),
        'inclusion',
      );
    for (const hash of [...proof.hashes, Buffer.alloc(32).toString('base64')])
      for (let at = 0; at <= proof.hashes.length; at += 1)
        assert.equal(
          refusedBy(({ ledger }) => ledger.inclusionProof.hashes.splice(at, 0, hash)),
          'inclusion',
        );
    for (let at = 1; at < proof.hashes.length; at += 1)
      assert.equal(
        refusedBy(({ ledger }) => swap(ledger.inclusionProof.hashes, at - 1, at)),
        'inclusion',
      );
    for (const size of [0, 1, receipt.ledger.sequence, proof.treeSize - 1, proof.treeSize + 1])
      assert.equal(
        refusedBy(({ ledger }) => (ledger.inclusionProof.treeSize = size)),
        'inclusion',
      );
    for (const other of others)
      assert.equal(
        refusedBy(({ ledger }) => (ledger.inclusionProof.hashes = other.ledger.inclusionProof.hashes)),
        'inclusion',
      );
  });

  it('every part of another cast’s receipt in the place of its own is refused, whoever signed', () => {
    for (const other of [...others, strangers]) {
      assert.equal(
        refusedBy((copy) => (copy.content = other.content)),
        'commitment',
      );
      assert.equal(
        refusedBy((copy) => (copy.ledger = other.ledger)),
        'commitment',
      );
      assert.equal(
        refusedBy(({ ledger }) => (ledger.leaf = other.ledger.leaf)),
        'commitment',
      );
      assert.equal(
        refusedBy(({ ledger }) => (ledger.opening = other.ledger.opening)),
        'commitment',
      );
      assert.equal(
        refusedBy(({ ledger }) => (ledger.opening.salt = other.ledger.opening.salt)),
        'commitment',
      );
      assert.equal(
        refusedBy(({ ledger }) => (ledger.opening.subject = other.ledger.opening.subject)),
        'commitment',
      );
      assert.equal(
        refusedBy(({ ledger }) => (ledger.sequence = other.ledger.sequence)),
        'leaf',
      );
      assert.equal(
        refusedBy((copy) => (copy.signature = other.signature), false),
        'signature',
      );
      if (other.ledger.checkpoint !== receipt.ledger.checkpoint)
        assert.equal(
          refusedBy(({ ledger }) => (ledger.checkpoint = other.ledger.checkpoint)),
          'inclusion',
        );
    }
    assert.equal(
      refusedBy(({ ledger }) => (ledger.opening.accountId = strangers.ledger.opening.accountId)),
      'commitment',
    );
  });

  it('a checkpoint of another log, by another key, or changed in any byte is refused, whoever signed', async () => {
    const elsewhere = await startHarness({ environment: { SPELL_LEDGER_ORIGIN: 'another.log' } });
    const maker = await elsewhere.seed.account(['cast', 'publish']);
    const cast = await runCast(maker.client, {
      spell: await elsewhere.seed.spell(maker, { guest: 'echo' }),
      input: 'x',
    });
    const foreign = await receiptOf(maker.client, cast.id);
    assert.equal(
      refusedBy(({ ledger }) => (ledger.checkpoint = foreign.ledger.checkpoint)),
      'inclusion',
    );
    // Its key is believed too, but for its own log alone.
    const both = [...keys, ...trustedKeys(elsewhere)];
    const mixed = structuredClone(receipt);
    mixed.ledger.checkpoint = foreign.ledger.checkpoint;
    mixed.ledger.inclusionProof = foreign.ledger.inclusionProof;
    assert.equal(findFault(Buffer.from(canonicalJson(signAgain(mixed, key))), both)?.name, 'inclusion');
    const renamed = structuredClone(foreign);
    renamed.ledger.origin = receipt.ledger.origin;
    assert.equal(findFault(Buffer.from(canonicalJson(signAgain(renamed, key))), both)?.name, 'inclusion');
    assert.equal(findFault(Buffer.from(canonicalJson(foreign)), both), null);

    const note = Buffer.from(receipt.ledger.checkpoint);
    for (let at = 0; at < note.length; at += 1) {
      const changed = Buffer.from(note);
      changed[at] = (note[at] as number) ^ 1;
      const text = changed.toString();
      assert.equal(
        refusedBy(({ ledger }) => (ledger.checkpoint = text)),
        'inclusion',
        `byte ${at} of the checkpoint`,
      );
    }
  });

  it('a content that does not add up is refused although it stands in the log and everything is signed', () => {
    const refusedInLog = (change: (content: Receipt['content']) => void, leafChange: Partial<Leaf> = {}) => {
      const copy = structuredClone(receipt);
      change(copy.content);
      return findFault(Buffer.from(canonicalJson(signAgain(logAnew(copy, leafChange, key), key))), keys)
        ?.name;
    };
    assert.equal(
      refusedInLog(() => undefined),
      undefined,
    );
    assert.equal(
      refusedInLog(({ price }) => (price.costMicros = `${BigInt(price.costMicros) + 1n}`)),
      'price',
    );
    assert.equal(
      refusedInLog(({ price }) => (price.heldMicros = `${BigInt(price.heldMicros) - 1n}`)),
      'price',
    );
    assert.equal(
      refusedInLog(({ price }) => (price.pricing.model = 'free')),
      'price',
    );
    assert.equal(
      refusedInLog(({ price }) => (price.pricing.priceMicros = '999')),
      'price',
    );
    assert.equal(
      refusedInLog(({ ending, run }) => (ending.fuelUsed = `${run.limits.maxFuel}0`)),
      'price',
    );
    assert.equal(
      refusedInLog((content) => {
        content.ending.status = 'CANCELED';
        content.output = null;
      }),
      'price',
    );
    const incoherent: ((content: Receipt['content']) => void)[] = [
      ({ ending }) => (ending.status = 'CANCELED'),
      ({ ending }) => (ending.errorCode = 'TRAP'),
      (content) => (content.output = null),
      ({ ending }) => (ending.exitCode = 1),
      ({ ending }) => (ending.attempts = 0),
      ({ times }) => (times.queuedAt = '2099-01-01T00:00:00.000Z'),
      ({ times }) => (times.startedAt = '2026-13-01T00:00:00.000Z'),
    ];
    for (const change of incoherent) assert.equal(refusedInLog(change), 'coherence', String(change));
    assert.equal(
      refusedInLog(({ times }) => (times.finishedAt = '2026-01-01T00:00:00.000Z')),
      'leaf',
    );
    assert.equal(
      refusedInLog(() => undefined, { kind: 'budget.set' }),
      'leaf',
    );
    assert.equal(
      refusedInLog(() => undefined, { sequence: 1 }),
      'leaf',
    );
    assert.equal(
      refusedInLog(({ castId }) => castId, { commitment: '0'.repeat(64) }),
      'commitment',
    );
  });

  it('a string with half a surrogate pair is refused, for it has no bytes to sign', () => {
    const text = canonicalJson(receipt).replace('"key":"', '"key":"\\ud800');
    const parsed = parseReceipt(Buffer.from(text));
    assert.deepEqual(parsed, { ok: false, reason: 'a string has half a surrogate pair' });
  });

  it('a receipt by somebody else’s key is refused, also when it brings that key along', () => {
    const thief = noteSigner(receipt.ledger.origin, Buffer.alloc(32, 7));
    const copy = structuredClone(receipt);
    copy.keys = [formatVerifierKey(thief)];
    const forged = Buffer.from(canonicalJson(signAgain(copy, thief)));
    assert.equal(findFault(forged, keys)?.name, 'signature');
    assert.ok(parseReceipt(forged).ok);
    assert.equal(findFault(forged, [])?.name, 'signature');
  });
});

function swap(list: string[], a: number, b: number): void {
  [list[a], list[b]] = [list[b] as string, list[a] as string];
}
