import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  openCheckpoint,
  parseVerifierKey,
  verifyConsistency,
  verifyInclusion,
} from '../../src/ledger/index.js';
import { hashNode } from '../../src/ledger/merkle/hash.js';
import {
  CreateApiKeyDocument,
  LedgerCheckpointDocument,
  LedgerConsistencyProofDocument,
  LedgerEntriesDocument,
  LedgerInclusionProofDocument,
  RevokeApiKeyDocument,
  RotateApiKeyDocument,
  YankSpellVersionDocument,
} from '../support/gql/graphql.js';
import type { ApiClient } from '../support/client.js';
import { until } from '../faults/support.js';
import { startHarness } from '../support/harness.js';

describe('the ledger of a running platform', async () => {
  const { seed, client: clientOf, app } = await startHarness();
  const owner = await seed.account();
  const { client } = owner;
  const stranger = await seed.account();

  it('what happens to keys and spells stands in it, in its order, for its owner to read', async () => {
    const created = await client.get(CreateApiKeyDocument, { input: { name: 'made', scopes: ['cast'] } });
    const { prefix } = created.createApiKey.apiKey;
    const rotated = await client.get(RotateApiKeyDocument, { input: { prefix } });
    for (const key of [prefix, rotated.rotateApiKey.apiKey.prefix, prefix])
      await client.get(RevokeApiKeyDocument, { input: { prefix: key } });
    const spell = await seed.spell(owner, { guest: 'echo' });
    await seed.spell(owner, { guest: 'echo', key: spell });
    for (let twice = 0; twice < 2; twice += 1)
      await client.get(YankSpellVersionDocument, { input: { key: spell, version: '1.0.0' } });
    await allSequenced(app);
    const entries = await ownEntries(client);
    assert.deepEqual(
      entries.map(({ kind, subject }) => [kind, subject]),
      [
        ['account.opened', owner.accountId],
        ['key.created', owner.keyPrefix],
        ['key.created', prefix],
        ['key.rotated', prefix],
        ['key.revoked', prefix],
        ['key.revoked', rotated.rotateApiKey.apiKey.prefix],
        ['spell.published', `${spell}@1.0.0`],
        ['spell.yanked', `${spell}@1.0.0`],
      ],
    );
    assert.equal(new Set(entries.map(({ account }) => account)).size, 1);
    assert.match(JSON.stringify(entries.at(-2)?.content), /"moduleDigest":"sha256:[0-9a-f]{64}"/);
  });

  it('others see that something happened, and nothing of what', async () => {
    const { ledger } = await stranger.client.get(LedgerEntriesDocument, { first: 100 });
    const entries = ledger.entries.edges.map(({ node }) => node);
    assert.deepEqual(
      entries.map(({ sequence }) => sequence),
      entries.map((_, at) => String(at)),
    );
    const opened = entries.filter(({ content }) => content !== null);
    assert.deepEqual(
      opened.map(({ kind }) => kind),
      ['account.opened', 'key.created'],
    );
    for (const { subject, content, committedText, salt } of entries)
      assert.equal(new Set([subject, content, committedText, salt].map((part) => part === null)).size, 1);
    assert.ok(!JSON.stringify(entries.filter(({ content }) => content === null)).includes(owner.accountId));
  });

  it('content needs the scope read; the leaves do not', async () => {
    const caster = await seed.key(owner.accountId, ['cast']);
    const reader = await seed.key(owner.accountId, ['read']);
    const contents = async (from: ApiClient) =>
      (await ownEntries(from)).map(({ content }) => content !== null);
    assert.ok((await contents(reader.client)).every(Boolean));
    assert.ok((await contents(caster.client)).length > 0);
    assert.ok(!(await contents(caster.client)).some(Boolean));
  });

  it('an entry that was damaged hides itself and no other', async () => {
    const victim = await seed.account();
    await allSequenced(app);
    const before = await ownEntries(victim.client);
    const first = before[0]?.sequence;
    const runner = app.database.createQueryRunner();
    const swap = async (sequence: string | undefined) => {
      await runner.query('ALTER TABLE ledger_entries DISABLE TRIGGER USER');
      await runner.query(
        `UPDATE ledger_entries SET sealed = set_bit(sealed, 200, 1 - get_bit(sealed, 200)) WHERE sequence = $1`,
        [sequence],
      );
      await runner.query('ALTER TABLE ledger_entries ENABLE TRIGGER USER');
    };
    await swap(first);
    const after = await ownEntries(victim.client);
    assert.deepEqual(
      after.map(({ sequence }) => sequence),
      before.map(({ sequence }) => sequence),
    );
    assert.deepEqual(
      after.map(({ content }) => content === null),
      before.map(({ sequence }) => sequence === first),
    );
    await swap(first);
    await runner.release();
  });

  it('pages follow each other without a gap', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    for (;;) {
      const { ledger }: { ledger: { entries: Page } } = await client.get(LedgerEntriesDocument, {
        first: 3,
        after,
      });
      seen.push(...ledger.entries.edges.map(({ node }) => node.sequence));
      if (!ledger.entries.pageInfo.hasNextPage) break;
      after = ledger.entries.pageInfo.endCursor ?? null;
    }
    assert.deepEqual(
      seen,
      seen.map((_, at) => String(at)),
    );
    assert.ok(seen.length > 6);
  });

  it('proofs verify against the checkpoint that the published keys have signed', async () => {
    const keys = (await (await clientOf().fetch('/v1/ledger/keys')).json()) as {
      keys: { verifier_key: string }[];
    };
    const verifiers = keys.keys.map((key) => parseVerifierKey(key.verifier_key));
    const { checkpoint } = (await client.get(LedgerCheckpointDocument, {})).ledger;
    const opened = openCheckpoint(checkpoint.note, 'ledger.test', verifiers);
    assert.ok(opened.ok);
    assert.equal(opened.checkpoint.root.toString('base64'), checkpoint.rootHash);
    const rootHash = opened.checkpoint.root;
    const treeSize = Number(checkpoint.size);
    for (let sequence = 0; sequence < treeSize; sequence += 1) {
      const { ledger } = await client.get(LedgerInclusionProofDocument, {
        sequence: String(sequence),
        treeSize: checkpoint.size,
      });
      const { leafHash, hashes } = ledger.inclusionProof;
      const claim = { leafHash: bytes(leafHash), sequence, treeSize, proof: hashes.map(bytes), rootHash };
      assert.deepEqual(verifyInclusion(claim), { ok: true });
    }
    const { ledger } = await client.get(LedgerConsistencyProofDocument, { from: checkpoint.size });
    assert.deepEqual(
      ledger.consistencyProof.hashes.length > 0,
      ledger.consistencyProof.to !== checkpoint.size,
    );
    const half = await client.get(LedgerConsistencyProofDocument, { from: '3', to: checkpoint.size });
    const old = await client.get(LedgerInclusionProofDocument, { sequence: '2', treeSize: '3' });
    // A tree of three: the root is the hash of the first two and the third.
    const fromRoot = rootOfThree(
      bytes(old.ledger.inclusionProof.leafHash),
      old.ledger.inclusionProof.hashes.map(bytes),
    );
    const proof = half.ledger.consistencyProof.hashes.map(bytes);
    assert.deepEqual(verifyConsistency({ from: 3, to: treeSize, fromRoot, toRoot: rootHash, proof }), {
      ok: true,
    });
  });

  it('bad input: sizes and places that do not exist, pages that are none', async () => {
    const huge = '9223372036854775807';
    for (const variables of [
      { sequence: '-1' },
      { sequence: huge },
      { sequence: '0', treeSize: '0' },
      { sequence: '5', treeSize: '5' },
      { sequence: '0', treeSize: huge },
    ]) {
      const { extensions } = await client.refusal(LedgerInclusionProofDocument, variables);
      assert.equal(extensions.code, 'BAD_USER_INPUT', JSON.stringify(variables));
      assert.match(JSON.stringify(extensions['problems']), /"path":"(sequence|treeSize)"/);
    }
    for (const variables of [
      { from: '-1' },
      { from: huge },
      { from: '4', to: '3' },
      { from: '0', to: huge },
    ]) {
      const { extensions } = await client.refusal(LedgerConsistencyProofDocument, variables);
      assert.equal(extensions.code, 'BAD_USER_INPUT', JSON.stringify(variables));
    }
    for (const variables of [{ first: 0 }, { first: 101 }, { after: 'x' }, { after: 'ZW50cnk6LTE' }]) {
      const { extensions } = await client.refusal(LedgerEntriesDocument, variables);
      assert.equal(extensions.code, 'BAD_USER_INPUT', JSON.stringify(variables));
    }
  });

  it('unauthenticated: GraphQL wants a key, as always', async () => {
    const { extensions } = await clientOf().refusal(LedgerCheckpointDocument, {});
    assert.equal(extensions.code, 'UNAUTHENTICATED');
  });

  it('the files are public, and caches may keep them as long as they stay what they are', async () => {
    const get = (path: string) => clientOf().fetch(`/v1/ledger/${path}`);
    const checkpoint = await get('checkpoint');
    assert.equal(checkpoint.headers.get('content-type'), 'text/plain; charset=utf-8');
    assert.equal(checkpoint.headers.get('cache-control'), 'public, max-age=1');
    const size = Number((await checkpoint.text()).split('\n')[1]);
    const tile = await get(`tile/0/000.p/${size}`);
    assert.equal(tile.headers.get('content-type'), 'application/octet-stream');
    assert.match(tile.headers.get('cache-control') ?? '', /immutable/);
    for (const answer of [checkpoint, tile, await get('keys')])
      assert.deepEqual(
        ['access-control-allow-origin', 'cross-origin-resource-policy'].map((name) =>
          answer.headers.get(name),
        ),
        ['*', 'cross-origin'],
      );
    const bundle = (encoding: string) =>
      clientOf().fetch(`/v1/ledger/tile/entries/000.p/${size}`, { headers: { 'accept-encoding': encoding } });
    const [packed, plain] = [await bundle('br, gzip'), await bundle('identity')];
    assert.deepEqual(
      [packed.headers.get('content-encoding'), plain.headers.get('content-encoding')],
      ['gzip', null],
    );
    assert.deepEqual(await packed.arrayBuffer(), await plain.arrayBuffer());
    const hashes = Buffer.from(await tile.arrayBuffer());
    assert.equal(hashes.length, 32 * size);
    const narrower = Buffer.from(await (await get('tile/0/000.p/2')).arrayBuffer());
    assert.ok(narrower.equals(hashes.subarray(0, 64)), 'an older tile is the beginning of a newer one');
    assert.equal((await get(`tile/entries/000.p/${size}`)).status, 200);
    for (const path of [
      'tile/0/000',
      'tile/0/000.p/255',
      'tile/1/000.p/1',
      'tile/0/0',
      'tile/0/001.p/1',
      'tile/x',
      'tile/',
    ])
      assert.equal((await get(path)).status, 404, path);
  });

  it('operators see size, lag and problems', async () => {
    const metrics = await until('the check has run', 10_000, async () => {
      const text = await (await clientOf().fetch('/metrics')).text();
      return /^spell_ledger_checked_total\{.*\} [1-9]/m.test(text) && text;
    });
    const value = (name: string) => Number(new RegExp(`^${name} ([\\d.]+)$`, 'm').exec(metrics)?.[1] ?? NaN);
    const label = 'process="api\\+worker"';
    assert.ok(value(`spell_ledger_entries\\{state="size",${label}\\}`) > 8);
    assert.equal(value(`spell_ledger_problems\\{${label}\\}`), 0);
    assert.ok(value(`spell_ledger_lag_seconds\\{${label}\\}`) >= 0);
  });
});

interface Page {
  edges: { node: { sequence: string } }[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}

function bytes(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}

function rootOfThree(third: Buffer, [firstTwo]: Buffer[]): Buffer {
  assert.ok(firstTwo);
  return hashNode(firstTwo, third);
}

async function allSequenced(app: { database: { query(sql: string): Promise<unknown[]> } }): Promise<void> {
  await until('every fact has its place', 10_000, async () => {
    const waiting = await app.database.query('SELECT 1 FROM ledger_outbox LIMIT 1');
    return waiting.length === 0;
  });
}

async function ownEntries(client: ApiClient) {
  const { ledger } = await client.get(LedgerEntriesDocument, { first: 100, mine: true });
  return ledger.entries.edges.map(({ node }) => node);
}
