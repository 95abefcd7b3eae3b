import { Arg, Ctx, FieldResolver, Int, Query, Resolver } from 'type-graphql';
import { AppError, BigIntScalar, type Connection } from '../platform/index.js';
import { parseEntryPage, toEntryConnection } from './entry-page.js';
import { findEntries } from './find-entries.js';
import { currentCheckpoint, type LedgerDeps } from './ledger.js';
import {
  ConsistencyProofType,
  InclusionProofType,
  LedgerCheckpoint,
  LedgerEntryConnection,
  LedgerType,
  toCheckpointType,
  toConsistencyProofType,
  toEntryType,
  toInclusionProofType,
  type LedgerEntryType,
} from './ledger.type.js';
import { proveConsistency } from './prove-consistency.js';
import { proveInclusion } from './prove-inclusion.js';

/** What this room needs to know of who is asking; accounts know the ledger, so it cannot know them. */
interface Reader {
  principal: { accountId: string; scopes: readonly string[] } | null;
}

@Resolver(() => LedgerType)
export class LedgerResolver {
  readonly #deps: LedgerDeps;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  @Query(() => LedgerType, { description: 'The append-only log of what happened, with proofs.' })
  ledger(@Ctx() context: Reader): LedgerType {
    requireReader(context);
    return new LedgerType();
  }

  @FieldResolver(() => LedgerCheckpoint, { description: 'The newest checkpoint.' })
  async checkpoint(): Promise<LedgerCheckpoint> {
    return toCheckpointType(await currentCheckpoint(this.#deps));
  }

  @FieldResolver(() => LedgerEntryConnection, {
    description:
      'Entries in their order. Everybody’s leaves; content only of this account’s own, with the scope read.',
  })
  async entries(
    @Ctx() context: Reader,
    @Arg('first', () => Int, { nullable: true, description: 'Page size, at most 100.' }) first?: number,
    @Arg('after', () => String, { nullable: true, description: 'The cursor to go on from.' }) after?: string,
    @Arg('mine', () => Boolean, { nullable: true, description: 'Only entries of this account.' })
    mine?: boolean,
  ): Promise<Connection<LedgerEntryType>> {
    const { accountId, scopes } = requireReader(context);
    const page = parseEntryPage(first, after);
    const mayOpen = scopes.includes('admin') || scopes.includes('read');
    const found = await findEntries(this.#deps, {
      accountId,
      isOwnOnly: mine === true,
      afterSequence: page.afterSequence,
      first: page.first,
      mayOpen,
    });
    return toEntryConnection(found, toEntryType);
  }

  @FieldResolver(() => InclusionProofType, { description: 'Proves that an entry is in the log.' })
  async inclusionProof(
    @Arg('sequence', () => BigIntScalar, { description: 'The place of the entry.' }) sequence: bigint,
    @Arg('treeSize', () => BigIntScalar, {
      nullable: true,
      description: 'The size of the tree to prove it for; the newest checkpoint’s when absent.',
    })
    treeSize?: bigint,
  ): Promise<InclusionProofType> {
    return toInclusionProofType(await proveInclusion(this.#deps, { sequence, treeSize }));
  }

  @FieldResolver(() => ConsistencyProofType, { description: 'Proves that the log was only appended to.' })
  async consistencyProof(
    @Arg('from', () => BigIntScalar, { description: 'The older size.' }) from: bigint,
    @Arg('to', () => BigIntScalar, {
      nullable: true,
      description: 'The newer size; the newest checkpoint’s when absent.',
    })
    to?: bigint,
  ): Promise<ConsistencyProofType> {
    return toConsistencyProofType(await proveConsistency(this.#deps, { from, to }));
  }
}

function requireReader({ principal }: Reader): NonNullable<Reader['principal']> {
  if (principal === null) throw new AppError('UNAUTHENTICATED', 'a valid API key is needed');
  return principal;
}
