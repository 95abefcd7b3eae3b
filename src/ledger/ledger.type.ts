import { Field, ObjectType } from 'type-graphql';
import { BigIntScalar, DateTimeScalar, JsonScalar, connectionType } from '../platform/index.js';
import type { LedgerEntry } from './find-entries.js';
import type { SignedCheckpoint } from './ledger.js';
import type { ConsistencyProof } from './prove-consistency.js';
import type { InclusionProof } from './prove-inclusion.js';

@ObjectType('Ledger', {
  description:
    'The append-only log of what happened, with proofs. The same log is public as files under /v1/ledger.',
})
// oxlint-disable-next-line typescript/no-extraneous-class -- every field of it is resolved
export class LedgerType {}

@ObjectType({ description: 'The state of the log at one size, signed.' })
export class LedgerCheckpoint {
  @Field({ description: 'The name of the log.' })
  origin: string;

  @Field(() => BigIntScalar, { description: 'How many entries it covers.' })
  size: bigint;

  @Field({ description: 'The root of the Merkle tree (RFC 6962), base64.' })
  rootHash: string;

  @Field({ description: 'The signed text (C2SP tlog-checkpoint), as a verifier takes it.' })
  note: string;

  @Field(() => DateTimeScalar, { description: 'When it was signed.' })
  createdAt: Date;
}

@ObjectType('LedgerEntry', {
  description: 'One entry of the log. Its content is shown to its own account alone.',
})
export class LedgerEntryType {
  @Field(() => BigIntScalar, { description: 'Its place: 0, 1, 2, … without gaps.' })
  sequence: bigint;

  @Field({ description: 'What happened, as in cast.settled.' })
  kind: string;

  @Field(() => DateTimeScalar, { description: 'When it happened.' })
  at: Date;

  @Field({ description: 'The same for all entries of one person, and not the name of anybody.' })
  account: string;

  @Field({ description: 'The leaf of the tree: canonical JSON (RFC 8785).' })
  leaf: string;

  @Field({ description: 'The hash of the leaf (RFC 6962), base64.' })
  leafHash: string;

  @Field(() => String, {
    nullable: true,
    description: 'What it is about, when the entry is of this account.',
  })
  subject: string | null;

  @Field(() => JsonScalar, { nullable: true, description: 'Its content, when the entry is of this account.' })
  content: unknown;

  @Field(() => String, {
    nullable: true,
    description:
      'The canonical JSON that the leaf commits to: commitment = SHA-256(salt || committedText), hex.',
  })
  committedText: string | null;

  @Field(() => String, { nullable: true, description: 'The salt of the commitment, base64.' })
  salt: string | null;
}

export const LedgerEntryConnection = connectionType('LedgerEntry', () => LedgerEntryType);

@ObjectType('LedgerInclusionProof', {
  description: 'Proves that an entry is in the log (RFC 9162, section 2.1.3).',
})
export class InclusionProofType {
  @Field(() => BigIntScalar, { description: 'The place of the entry.' })
  sequence: bigint;

  @Field(() => BigIntScalar, { description: 'The size of the tree that the proof leads to.' })
  treeSize: bigint;

  @Field({ description: 'The hash of the leaf, base64.' })
  leafHash: string;

  @Field(() => [String], { description: 'The hashes from the bottom up, base64.' })
  hashes: string[];
}

@ObjectType('LedgerConsistencyProof', {
  description: 'Proves that a log was only appended to (RFC 9162, section 2.1.4).',
})
export class ConsistencyProofType {
  @Field(() => BigIntScalar, { description: 'The older size.' })
  from: bigint;

  @Field(() => BigIntScalar, { description: 'The newer size.' })
  to: bigint;

  @Field(() => [String], { description: 'The hashes in the order of the RFC, base64.' })
  hashes: string[];
}

export function toCheckpointType({
  origin,
  size,
  root,
  note,
  createdAt,
}: SignedCheckpoint): LedgerCheckpoint {
  return Object.assign(new LedgerCheckpoint(), {
    origin,
    size: BigInt(size),
    rootHash: root.toString('base64'),
    note,
    createdAt,
  });
}

export function toEntryType({ leaf, leafText, leafHash, opened }: LedgerEntry): LedgerEntryType {
  return Object.assign(new LedgerEntryType(), {
    sequence: BigInt(leaf.sequence),
    kind: leaf.kind,
    at: new Date(leaf.at),
    account: leaf.account,
    leaf: leafText,
    leafHash: leafHash.toString('base64'),
    subject: opened?.subject ?? null,
    content: opened?.content ?? null,
    committedText: opened?.text ?? null,
    salt: opened?.salt.toString('base64') ?? null,
  });
}

export function toInclusionProofType(proof: InclusionProof): InclusionProofType {
  return Object.assign(new InclusionProofType(), {
    sequence: BigInt(proof.sequence),
    treeSize: BigInt(proof.treeSize),
    leafHash: proof.leafHash.toString('base64'),
    hashes: proof.hashes.map((hash) => hash.toString('base64')),
  });
}

export function toConsistencyProofType(proof: ConsistencyProof): ConsistencyProofType {
  return Object.assign(new ConsistencyProofType(), {
    from: BigInt(proof.from),
    to: BigInt(proof.to),
    hashes: proof.hashes.map((hash) => hash.toString('base64')),
  });
}
