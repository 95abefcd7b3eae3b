import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CompactRange } from '../../src/ledger/merkle/compact-range.js';
import { EMPTY_ROOT, hashLeaf, hashNode } from '../../src/ledger/merkle/hash.js';
import { TileTree } from '../../src/ledger/merkle/tile-tree.js';
import { verifyConsistency } from '../../src/ledger/merkle/verify-consistency.js';
import { verifyInclusion } from '../../src/ledger/merkle/verify-inclusion.js';
import {
  HOSTILE_HASHES,
  HOSTILE_SIZES,
  consistencyProofOf,
  inclusionProofOf,
  leavesOf,
  rootOf,
  tileReader,
} from './tree.js';

// 0, 1, every 2^n and its neighbours up to two levels of tiles, and a few in between.
const EDGES = [
  ...new Set([0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129]),
];
const TILE_EDGES = [255, 256, 257, 511, 512, 513, 70_000, 65_535, 65_536, 65_537];

describe('the Merkle tree', () => {
  it('the empty tree and the first leaves have the roots of RFC 6962', () => {
    assert.equal(
      EMPTY_ROOT.toString('hex'),
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    const empty = hashLeaf(Buffer.alloc(0));
    assert.equal(empty.toString('hex'), '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
    // The seven leaves of certificate-transparency's own test tree.
    const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657'].map((text) =>
      hashLeaf(Buffer.from(text, 'hex')),
    );
    assert.equal(
      rootOf(leaves).toString('hex'),
      'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    );
  });

  it('a growing range has the root of the definition at every size', () => {
    const leaves = leavesOf(600);
    const range = new CompactRange();
    for (const [at, leaf] of leaves.entries()) {
      assert.ok(range.root().equals(rootOf(leaves.slice(0, at))), `size ${at}`);
      range.append(leaf);
    }
    assert.equal(range.size, 600);
    assert.throws(() => range.append(leaves[0] ?? EMPTY_ROOT, 9), RangeError);
  });

  it('every proof at every edge is the one of the definition, and is accepted', async () => {
    for (const size of EDGES) {
      const leaves = leavesOf(size);
      const tree = new TileTree(size, tileReader(leaves));
      const rootHash = rootOf(leaves);
      assert.ok((await tree.root()).equals(rootHash), `root of ${size}`);
      for (const [sequence, leafHash] of leaves.entries()) {
        const proof = await tree.inclusionProof(sequence);
        assert.deepEqual(proof, inclusionProofOf(sequence, leaves), `entry ${sequence} of ${size}`);
        assert.deepEqual(verifyInclusion({ leafHash, sequence, treeSize: size, proof, rootHash }), {
          ok: true,
        });
      }
      for (let from = 0; from <= size; from += 1) {
        const proof = await tree.consistencyProof(from);
        assert.deepEqual(proof, consistencyProofOf(from, leaves), `from ${from} to ${size}`);
        const fromRoot = rootOf(leaves.slice(0, from));
        assert.deepEqual(verifyConsistency({ from, to: size, fromRoot, toRoot: rootHash, proof }), {
          ok: true,
        });
      }
    }
  });

  it('proofs over several levels of tiles are accepted', async () => {
    const all = leavesOf(70_000);
    for (const size of TILE_EDGES) {
      const leaves = all.slice(0, size);
      const tree = new TileTree(size, tileReader(leaves));
      const rootHash = await tree.root();
      for (const sequence of [0, 1, 254, size - 2, size - 1, Math.floor(size / 2)]) {
        const leafHash = leaves[sequence] ?? EMPTY_ROOT;
        const proof = await tree.inclusionProof(sequence);
        assert.deepEqual(verifyInclusion({ leafHash, sequence, treeSize: size, proof, rootHash }), {
          ok: true,
        });
      }
      for (const from of [1, 2, 255, size - 1].filter((from) => from <= size)) {
        const old = new TileTree(from, tileReader(leaves.slice(0, from)));
        const claim = { from, to: size, fromRoot: await old.root(), toRoot: rootHash };
        assert.deepEqual(verifyConsistency({ ...claim, proof: await tree.consistencyProof(from) }), {
          ok: true,
        });
      }
    }
  });
});

describe('the verifiers, attacked', () => {
  it('inclusion: every changed bit of leaf, root and proof is refused', async () => {
    for (const size of [1, 2, 3, 7, 8, 9, 33]) {
      const leaves = leavesOf(size);
      const tree = new TileTree(size, tileReader(leaves));
      const rootHash = await tree.root();
      for (const [sequence, leafHash] of leaves.entries()) {
        const claim = {
          leafHash,
          sequence,
          treeSize: size,
          proof: await tree.inclusionProof(sequence),
          rootHash,
        };
        for (const forged of bitFlips([leafHash, rootHash, ...claim.proof])) {
          const [leaf = leafHash, root = rootHash, ...proof] = forged;
          assert.equal(verifyInclusion({ ...claim, leafHash: leaf, rootHash: root, proof }).ok, false);
        }
      }
    }
  });

  it('inclusion: another place, another size, a shorter, longer or reordered proof is refused', async () => {
    for (const size of EDGES.filter((size) => size > 0 && size <= 33)) {
      const leaves = leavesOf(size);
      const tree = new TileTree(size, tileReader(leaves));
      const rootHash = await tree.root();
      for (const [sequence, leafHash] of leaves.entries()) {
        const proof = await tree.inclusionProof(sequence);
        const claim = { leafHash, sequence, treeSize: size, proof, rootHash };
        for (let other = 0; other < size + 3; other += 1)
          if (other !== sequence) assert.equal(verifyInclusion({ ...claim, sequence: other }).ok, false);
        for (const forged of misshapen(proof))
          assert.equal(verifyInclusion({ ...claim, proof: forged }).ok, false);
        for (const bad of HOSTILE_SIZES) {
          assert.equal(
            verifyInclusion({ ...claim, treeSize: bad as number }).ok,
            false,
            `size ${String(bad)}`,
          );
          if (bad !== sequence)
            assert.equal(verifyInclusion({ ...claim, sequence: bad as number }).ok, false);
        }
        for (const bad of HOSTILE_HASHES) {
          assert.equal(verifyInclusion({ ...claim, leafHash: bad as Buffer }).ok, false);
          assert.equal(verifyInclusion({ ...claim, rootHash: bad as Buffer }).ok, false);
          assert.equal(verifyInclusion({ ...claim, proof: [bad as Buffer, ...proof.slice(1)] }).ok, false);
        }
      }
    }
  });

  it('inclusion: a node cannot be passed off as a leaf', () => {
    const [a, b, c, d] = leavesOf(4) as [Buffer, Buffer, Buffer, Buffer];
    const rootHash = rootOf([a, b, c, d]);
    const claim = { leafHash: hashNode(a, b), sequence: 0, treeSize: 4, proof: [hashNode(c, d)], rootHash };
    assert.equal(verifyInclusion(claim).ok, false);
  });

  it('consistency: every changed bit of roots and proof is refused', async () => {
    for (const [from, to] of [
      [1, 2],
      [1, 8],
      [3, 7],
      [4, 7],
      [6, 8],
      [8, 8],
      [7, 33],
    ] as const) {
      const leaves = leavesOf(to);
      const proof = await new TileTree(to, tileReader(leaves)).consistencyProof(from);
      const [fromRoot, toRoot] = [rootOf(leaves.slice(0, from)), rootOf(leaves)];
      for (const forged of bitFlips([fromRoot, toRoot, ...proof])) {
        const [old = fromRoot, young = toRoot, ...hashes] = forged;
        assert.equal(verifyConsistency({ from, to, fromRoot: old, toRoot: young, proof: hashes }).ok, false);
      }
    }
  });

  it('consistency: other sizes, misshapen proofs and what is no hash are refused', async () => {
    for (const to of EDGES.filter((size) => size > 0 && size <= 17)) {
      const leaves = leavesOf(to);
      const tree = new TileTree(to, tileReader(leaves));
      const toRoot = rootOf(leaves);
      for (let from = 1; from <= to; from += 1) {
        const claim = {
          from,
          to,
          fromRoot: rootOf(leaves.slice(0, from)),
          toRoot,
          proof: await tree.consistencyProof(from),
        };
        for (let other = 0; other <= to + 2; other += 1)
          if (other !== from)
            assert.equal(verifyConsistency({ ...claim, from: other }).ok, false, `${other} as ${from}`);
        for (const forged of misshapen(claim.proof))
          assert.equal(verifyConsistency({ ...claim, proof: forged }).ok, false);
        for (const bad of HOSTILE_SIZES) {
          assert.equal(verifyConsistency({ ...claim, from: bad as number }).ok, false);
          assert.equal(verifyConsistency({ ...claim, to: bad as number }).ok, false);
        }
        for (const bad of HOSTILE_HASHES) {
          assert.equal(verifyConsistency({ ...claim, fromRoot: bad as Buffer }).ok, false);
          assert.equal(verifyConsistency({ ...claim, toRoot: bad as Buffer }).ok, false);
        }
      }
    }
  });

  it('consistency: the empty tree precedes every tree, under its own root and without a proof', () => {
    const leaves = leavesOf(5);
    const claim = { from: 0, to: 5, fromRoot: EMPTY_ROOT, toRoot: rootOf(leaves), proof: [] };
    assert.equal(verifyConsistency(claim).ok, true);
    assert.equal(verifyConsistency({ ...claim, fromRoot: Buffer.alloc(32) }).ok, false);
    assert.equal(verifyConsistency({ ...claim, proof: [EMPTY_ROOT] }).ok, false);
    assert.equal(verifyConsistency({ ...claim, to: 0, toRoot: EMPTY_ROOT }).ok, true);
    assert.equal(verifyConsistency({ ...claim, to: 0 }).ok, false);
  });

  it('no random claim is accepted', () => {
    const hash = fc.uint8Array({ minLength: 0, maxLength: 33 });
    const size = fc.oneof(fc.integer({ min: -2, max: 40 }), fc.double(), fc.maxSafeInteger());
    fc.assert(
      fc.property(
        hash,
        hash,
        fc.array(hash, { maxLength: 8 }),
        size,
        size,
        (one, other, proof, first, second) => {
          assert.equal(
            verifyInclusion({ leafHash: one, rootHash: other, proof, sequence: first, treeSize: second }).ok,
            false,
          );
          // Equal roots of equal sizes are the one claim that needs no proof.
          const isTrivial = first === second && Buffer.compare(one, other) === 0;
          const isFromNothing = first === 0 && EMPTY_ROOT.equals(one);
          if (!isTrivial && !isFromNothing)
            assert.equal(
              verifyConsistency({ fromRoot: one, toRoot: other, proof, from: first, to: second }).ok,
              false,
            );
        },
      ),
      { numRuns: 3_000, examples: [[new Uint8Array(32), new Uint8Array(), [], 0, 1]] },
    );
  });
});

/** The hashes with each single bit changed in turn. */
function* bitFlips(hashes: readonly Buffer[]): Generator<Buffer[]> {
  for (const [at, hash] of hashes.entries())
    for (let bit = 0; bit < hash.length * 8; bit += 1) {
      const forged = Buffer.from(hash);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      yield hashes.with(at, forged);
    }
}

/** Too short at either end, too long at either end, doubled, in another order. */
function misshapen(proof: readonly Buffer[]): Buffer[][] {
  const extra = hashLeaf(Buffer.from('extra'));
  const forged = [
    [...proof, extra],
    [extra, ...proof],
    [...proof, ...proof, extra],
  ];
  if (proof.length > 0) forged.push(proof.slice(1), proof.slice(0, -1), [...proof, ...proof]);
  if (proof.length > 1) forged.push(proof.toReversed());
  return forged;
}

describe('the tiles that a proof reads', () => {
  it('are at most two for each eight levels of the tree, at 10³ and at 10⁵ entries', async (test) => {
    for (const [size, most] of [
      [1_000, 4],
      [100_000, 6],
    ] as const) {
      const leaves = leavesOf(size);
      let mostRead = 0;
      for (const sequence of [0, 255, 256, Math.floor(size / 2), size - 257, size - 1]) {
        const read: string[] = [];
        const reader = tileReader(leaves, (name) => read.push(name));
        await new TileTree(size, reader).inclusionProof(sequence);
        mostRead = Math.max(mostRead, read.length);
        read.length = 0;
        await new TileTree(size, reader).consistencyProof(sequence + 1);
        mostRead = Math.max(mostRead, read.length);
      }
      assert.ok(mostRead <= most, `${mostRead} tiles of ${size}`);
      test.diagnostic(`${size} entries: at most ${mostRead} tiles`);
    }
  });
});
