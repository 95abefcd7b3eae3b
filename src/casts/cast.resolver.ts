import DataLoader from 'dataloader';
import {
  Arg,
  Ctx,
  FieldResolver,
  ID,
  Int,
  Mutation,
  Query,
  Resolver,
  Root,
  Subscription,
} from 'type-graphql';
import { AccountType, requireScope, type RequestContext } from '../accounts/index.js';
import {
  JsonScalar,
  isId,
  parsePage,
  toConnection,
  type Connection,
  type DataSource,
} from '../platform/index.js';
import {
  SpellType,
  SpellVersionType,
  loadSpells,
  loadVersions,
  toSpellType,
  toSpellVersionType,
  type SpellVersionEntity,
} from '../spells/index.js';
import type { ArtifactLinks } from './artifact-links.js';
import { cancelCast, type CancelCastDeps } from './cancel-cast.js';
import {
  CancelCastInput,
  CancelCastPayload,
  CastEstimateType,
  CastInput,
  CastPayload,
} from './cast.inputs.js';
import {
  Artifact,
  CastConnection,
  CastEventConnection,
  CastEventType,
  CastFinished,
  CastType,
  toCastEventType,
  toCastType,
} from './cast.type.js';
import { isFinal } from './cast.js';
import type { CastEntity } from './cast.entity.js';
import { findCast, findCasts, loadOutputs } from './cast-store.js';
import { estimateCast, type CastEstimate } from './estimate-cast.js';
import { issueReceipts, type ReceiptDeps } from './issue-receipts.js';
import { requestCast, type RequestCastDeps } from './request-cast.js';
import type { CastReader } from './read-casts.js';
import { readCastEvents, type WatchCastDeps, type WatchedEvent } from './watch-cast.js';
import { toJsonOutput } from './output.js';

export type CastDeps = RequestCastDeps &
  CancelCastDeps &
  WatchCastDeps &
  ReceiptDeps & { links: ArtifactLinks };

@Resolver(() => CastType)
export class CastResolver {
  readonly #deps: CastDeps;

  constructor(deps: CastDeps) {
    this.#deps = deps;
  }

  @Query(() => CastType, { nullable: true, description: 'One of your casts.' })
  async cast(
    @Ctx() context: RequestContext,
    @Arg('id', () => ID, { description: 'The id of the cast.' }) id: string,
  ): Promise<CastType | null> {
    const { accountId } = requireScope(context.principal, 'cast', 'read');
    const cast = isId(id) ? await findCast(this.#deps.database, accountId, id) : null;
    return cast === null ? null : toCastType(cast);
  }

  @Query(() => CastEstimateType, { description: 'What a cast would cost, without casting it.' })
  estimateCast(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'The cast as it would be requested.' }) input: CastInput,
  ): Promise<CastEstimate> {
    return estimateCast(this.#deps, context.principal, input);
  }

  @Mutation(() => CastPayload, {
    name: 'cast',
    description: 'Accepts a cast: reserves its worst case, commits it, queues it. Needs the scope cast.',
  })
  async requestCast(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'What to cast.' }) input: CastInput,
  ): Promise<CastPayload> {
    return { cast: toCastType(await requestCast(this.#deps, context.principal, input)) };
  }

  @Mutation(() => CancelCastPayload, {
    description: 'Stops a cast, queued or running. Needs the scope cast.',
  })
  async cancelCast(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'Which cast.' }) input: CancelCastInput,
  ): Promise<CancelCastPayload> {
    return { cast: toCastType(await cancelCast(this.#deps, context.principal, input)) };
  }

  @Subscription(() => CastEventType, {
    description:
      'Every event of one cast in order, from the start or after a cursor, ending with CastFinished.',
    subscribe: ({ args, context }) => subscribeToCast(args as CastEventsArgs, context as SubscriptionContext),
  })
  castEvents(
    @Root() event: CastEventType,
    @Arg('castId', () => ID, { description: 'The cast to watch.' }) _castId: string,
    @Arg('after', () => String, { nullable: true, description: 'The cursor of the last event you have.' })
    _after?: string,
  ): CastEventType {
    return event;
  }

  @FieldResolver(() => SpellType, { description: 'The spell that was cast.' })
  async spell(@Root() cast: CastType, @Ctx() context: RequestContext): Promise<SpellType> {
    const version = await this.#version(cast, context);
    const loader = context.loader(
      'spell',
      () => new DataLoader((ids: readonly string[]) => loadSpells(this.#deps.database, ids)),
    );
    const spell = await loader.load(version.spellId);
    if (spell === null) throw new Error(`cast ${cast.id} has no spell`);
    return toSpellType(spell);
  }

  @FieldResolver(() => SpellVersionType, { description: 'The exact version that was cast.' })
  async spellVersion(@Root() cast: CastType, @Ctx() context: RequestContext): Promise<SpellVersionType> {
    return toSpellVersionType(await this.#version(cast, context));
  }

  @FieldResolver(() => JsonScalar, {
    nullable: true,
    description:
      'The output of a spell that declares json or text. Null while it runs, when it failed, when it declares bytes, and when the output is an artifact.',
  })
  async output(@Root() cast: CastType, @Ctx() context: RequestContext): Promise<unknown> {
    const [bytes, version] = await Promise.all([this.#output(cast, context), this.#version(cast, context)]);
    return bytes === null ? null : toJsonOutput(version.manifest.io.output_format, bytes);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description: 'The output as bytes in base64, of any format, up to 256 KiB.',
  })
  async outputBase64(@Root() cast: CastType, @Ctx() context: RequestContext): Promise<string | null> {
    return (await this.#output(cast, context))?.toString('base64') ?? null;
  }

  @FieldResolver(() => Artifact, {
    nullable: true,
    description: 'The output, when it is larger than 256 KiB.',
  })
  artifact(@Root() cast: CastType): Artifact | null {
    const { outputIsArtifact, outputDigest, outputBytes } = cast.entity;
    if (!outputIsArtifact || outputDigest === null || outputBytes === null) return null;
    return { ...this.#deps.links.create(cast.id), digest: outputDigest, sizeBytes: outputBytes };
  }

  @FieldResolver(() => JsonScalar, {
    nullable: true,
    description:
      'The signed receipt of the cast, once it stands in the ledger; null before, and after the erasure of its account. Its schema is at /v1/receipt.schema.json.',
  })
  receipt(@Root() { entity }: CastType, @Ctx() context: RequestContext): Promise<unknown> | null {
    if (!isFinal(entity.status)) return null;
    const { accountId } = entity;
    const loader = context.loader(
      `receipt of ${accountId}`,
      () => new DataLoader((ids: readonly string[]) => issueReceipts(this.#deps, accountId, ids)),
    );
    return loader.load(entity.id);
  }

  @FieldResolver(() => CastEventConnection, {
    description: 'The events recorded so far. To wait for more, subscribe to castEvents.',
  })
  async events(
    @Root() cast: CastType,
    @Arg('first', () => Int, { nullable: true, description: 'Page size, at most 100.' }) first?: number,
    @Arg('after', () => String, { nullable: true, description: 'The cursor to go on from.' }) after?: string,
  ): Promise<CastEventConnection> {
    const page = parsePage(first, null);
    const { events, hasMore } = await readCastEvents(this.#deps, cast.entity, {
      after: after ?? null,
      first: page.first,
    });
    const edges = events.map((event) => ({ cursor: event.cursor, node: toCastEventType(event) }));
    const pageInfo = {
      hasNextPage: hasMore,
      hasPreviousPage: false,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    };
    return { edges, pageInfo };
  }

  async #version(cast: CastType, context: RequestContext): Promise<SpellVersionEntity> {
    const loader = context.loader(
      'version',
      () => new DataLoader((ids: readonly string[]) => loadVersions(this.#deps.database, ids)),
    );
    const version = await loader.load(cast.entity.spellVersionId);
    if (version === null) throw new Error(`cast ${cast.id} has no version`);
    return version;
  }

  #output(cast: CastType, context: RequestContext): Promise<Buffer | null> {
    if (cast.entity.outputBytes === null || cast.entity.outputIsArtifact) return Promise.resolve(null);
    const loader = context.loader(
      'output',
      () => new DataLoader((ids: readonly string[]) => loadOutputs(this.#deps.database, ids)),
    );
    return loader.load(cast.id);
  }
}

interface CastEventsArgs {
  castId: string;
  after?: string | null;
}

/** The context of a subscription also knows how to watch; a decorator cannot reach a resolver's own fields. */
export interface SubscriptionContext extends RequestContext {
  watchCast(
    args: CastEventsArgs & { signal: AbortSignal },
  ): Promise<AsyncGenerator<WatchedEvent, void, void>>;
  /** Aborted when the transport knows that nobody listens any more. */
  signal?: AbortSignal;
}

/**
 * The source of a subscription. Leaving it ends the watch at once: `return()` of a generator alone would wait for the
 * event it is waiting for.
 */
async function subscribeToCast(
  args: CastEventsArgs,
  context: SubscriptionContext,
): Promise<AsyncIterableIterator<CastEventType>> {
  const left = new AbortController();
  const signal = context.signal === undefined ? left.signal : AbortSignal.any([left.signal, context.signal]);
  const events = await context.watchCast({ ...args, signal });
  const source: AsyncIterableIterator<CastEventType> = {
    [Symbol.asyncIterator]: () => source,
    async next() {
      const { done, value } = await events.next();
      return done === true ? { done, value: undefined } : { done: false, value: toCastEventType(value) };
    },
    async return() {
      left.abort();
      await events.return();
      return { done: true, value: undefined };
    },
  };
  return source;
}

@Resolver(() => CastFinished)
export class CastFinishedResolver {
  readonly #reader: CastReader;

  constructor(deps: { castReader: CastReader }) {
    this.#reader = deps.castReader;
  }

  @FieldResolver(() => CastType, { description: 'The cast in its final state.' })
  async cast(@Root() event: CastFinished): Promise<CastType> {
    const cast = event.ended ?? (await this.#reader.read(event.castId));
    if (cast === null) throw new Error(`cast ${event.castId} has vanished`);
    return toCastType(cast);
  }
}

@Resolver(() => AccountType)
export class AccountCastsResolver {
  readonly #database: DataSource;

  constructor(deps: { database: DataSource }) {
    this.#database = deps.database;
  }

  @FieldResolver(() => CastConnection, { description: 'The account’s casts, newest first.' })
  async casts(
    @Ctx() context: RequestContext,
    @Arg('first', () => Int, { nullable: true, description: 'Page size, at most 100.' }) first?: number,
    @Arg('after', () => String, { nullable: true, description: 'The cursor to go on from.' }) after?: string,
  ): Promise<Connection<CastType>> {
    const { accountId } = requireScope(context.principal, 'cast', 'read');
    const page = parsePage(first, after);
    const casts: CastEntity[] = await findCasts(this.#database, accountId, page);
    return toConnection(casts, page, toCastType);
  }
}
