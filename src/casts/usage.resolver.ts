import { Arg, Ctx, FieldResolver, Int, Resolver } from 'type-graphql';
import { AccountType, type RequestContext } from '../accounts/index.js';
import {
  DateTimeScalar,
  PageInfo,
  badInput,
  parsePage,
  type Clock,
  type Connection,
  type DataSource,
} from '../platform/index.js';
import { readUsage, type UsageDimension, type UsagePlace, type UsageRow } from './usage.js';
import { UsageConnection, UsageDimensionEnum, UsageType } from './usage.type.js';

@Resolver(() => AccountType)
export class UsageResolver {
  readonly #deps: { database: DataSource; clock: Clock };

  constructor(deps: { database: DataSource; clock: Clock }) {
    this.#deps = deps;
  }

  @FieldResolver(() => UsageConnection, {
    description:
      'Calls, fuel and micros of settled casts, newest day first. Right to the micro at any moment.',
  })
  async usage(
    @Ctx() context: RequestContext,
    @Arg('first', () => Int, { nullable: true, description: 'Page size, at most 100.' }) first?: number,
    @Arg('after', () => String, { nullable: true, description: 'The cursor to go on from.' }) after?: string,
    @Arg('from', () => DateTimeScalar, {
      nullable: true,
      description: 'Casts accepted from here on; the beginning of this month (UTC) if absent.',
    })
    from?: Date,
    @Arg('to', () => DateTimeScalar, {
      nullable: true,
      description: 'Casts accepted before this; now if absent. At most 366 days after from.',
    })
    to?: Date,
    @Arg('by', () => [UsageDimensionEnum], {
      nullable: true,
      description: 'What to tell apart; DAY if absent, one row for everything if empty.',
    })
    by?: UsageDimension[],
  ): Promise<Connection<UsageType>> {
    const page = { first: parsePage(first, null).first, after: parsePlace(after ?? null) };
    const filter = { from: from ?? null, to: to ?? null, by: by ?? null };
    const rows = await readUsage(this.#deps, context.principal, filter, page);
    return toUsageConnection(rows, page.first);
  }
}

function toUsageConnection(rows: UsageRow[], first: number): Connection<UsageType> {
  const edges = rows
    .slice(0, first)
    .map((row) => ({ cursor: writePlace(row), node: Object.assign(new UsageType(), row) }));
  const pageInfo = Object.assign(new PageInfo(), {
    hasNextPage: rows.length > first,
    hasPreviousPage: false,
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges.at(-1)?.cursor ?? null,
  });
  return { edges, pageInfo };
}

/** The rows are sums and have no id; what tells one from another is its place. */
function writePlace({ day, spell, keyPrefix, endUser }: UsagePlace): string {
  return Buffer.from(JSON.stringify([day, spell, keyPrefix, endUser])).toString('base64url');
}

function parsePlace(cursor: string | null): UsagePlace | null {
  if (cursor === null) return null;
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(parts) && parts.length === 4 && parts.every(isPart)) {
      const [day = null, spell = null, keyPrefix = null, endUser = null] = parts;
      return { day, spell, keyPrefix, endUser };
    }
  } catch {
    // Falls through to the refusal: what is no JSON is no cursor either.
  }
  throw badInput([{ path: 'after', reason: 'is not a cursor of this list' }]);
}

function isPart(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && !value.includes('\u0000'));
}
