import { Arg, Ctx, FieldResolver, Int, Resolver } from 'type-graphql';
import { AccountType, type RequestContext } from '../accounts/index.js';
import {
  DateTimeScalar,
  PageInfo,
  parsePage,
  type Clock,
  type Connection,
  type DataSource,
} from '../platform/index.js';
import { readUsage, toUsageList, type UsageDimension, type UsageList, type UsageRow } from './usage.js';
import { readUsageCursor, writeUsageCursor } from './usage-cursor.js';
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
    const { first: size } = parsePage(first, null);
    const asked = { from: from ?? null, to: to ?? null, by: by ?? null };
    const continued = after === undefined || after === null ? null : readUsageCursor(after, asked);
    const list = toUsageList(continued?.filter ?? asked, this.#deps.clock.now());
    const page = { first: size, after: continued?.place ?? null };
    return toUsageConnection(list, await readUsage(this.#deps, context.principal, list, page), size);
  }
}

function toUsageConnection(list: UsageList, rows: UsageRow[], first: number): Connection<UsageType> {
  const edges = rows
    .slice(0, first)
    .map((row) => ({ cursor: writeUsageCursor(list, row), node: Object.assign(new UsageType(), row) }));
  const pageInfo = Object.assign(new PageInfo(), {
    hasNextPage: rows.length > first,
    hasPreviousPage: false,
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges.at(-1)?.cursor ?? null,
  });
  return { edges, pageInfo };
}
