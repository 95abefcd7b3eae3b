import { Field, ID, InterfaceType, ObjectType, type ClassType } from 'type-graphql';
import { badInput } from './errors.js';
import { isId } from './ids.js';

/** Relay's Node: anything that can be fetched again by its id. */
@InterfaceType({ description: 'An object that can be fetched again by its id.' })
export abstract class Node {
  @Field(() => ID, { description: 'Unique among all objects; a UUIDv7.' })
  id: string;
}

@ObjectType({ description: 'Where a page of a list ends (Relay cursor connections).' })
export class PageInfo {
  @Field({ description: 'Is there a later page?' })
  hasNextPage: boolean;

  @Field({ description: 'Is there an earlier page? Always false: lists are read forwards.' })
  hasPreviousPage: boolean;

  @Field(() => String, { nullable: true, description: 'The cursor of the first edge of this page.' })
  startCursor: string | null;

  @Field(() => String, { nullable: true, description: 'Pass this as `after` to get the next page.' })
  endCursor: string | null;
}

export interface Edge<T> {
  cursor: string;
  node: T;
}

export interface Connection<T> {
  edges: Edge<T>[];
  pageInfo: PageInfo;
}

export interface PageArgs {
  first: number;
  afterId: string | null;
}

// A page is read in one query and answered in one response, so its size has to be bounded.
const PAGE_DEFAULT = 25;
export const PAGE_MAX = 100;

/** Checks `first` and `after`. The cursor is the id of the last object seen: stable however the list grows. */
export function parsePage(first: number | null | undefined, after: string | null | undefined): PageArgs {
  const size = first ?? PAGE_DEFAULT;
  if (size < 1 || size > PAGE_MAX)
    throw badInput([{ path: 'first', reason: `must be from 1 to ${PAGE_MAX}` }]);
  if (after === null || after === undefined) return { first: size, afterId: null };
  const id = Buffer.from(after, 'base64url').toString();
  if (!isId(id)) throw badInput([{ path: 'after', reason: 'is not a cursor of this list' }]);
  return { first: size, afterId: id };
}

/** Builds a connection from up to `first + 1` rows: the one too many tells that there is a next page. */
export function toConnection<Row extends { id: string }, T>(
  rows: Row[],
  page: PageArgs,
  toNode: (row: Row) => T,
): Connection<T> {
  const edges = rows.slice(0, page.first).map((row) => ({
    cursor: Buffer.from(row.id).toString('base64url'),
    node: toNode(row),
  }));
  const pageInfo = new PageInfo();
  pageInfo.hasNextPage = rows.length > page.first;
  pageInfo.hasPreviousPage = false;
  pageInfo.startCursor = edges[0]?.cursor ?? null;
  pageInfo.endCursor = edges.at(-1)?.cursor ?? null;
  return { edges, pageInfo };
}

/** Declares `<Name>Connection` and `<Name>Edge` for a node type. */
export function connectionType<T extends object>(
  name: string,
  node: () => ClassType<T>,
): ClassType<Connection<T>> {
  @ObjectType(`${name}Edge`, { description: `One ${name} of a list, with its place in it.` })
  class EdgeOfNode implements Edge<T> {
    @Field({ description: 'The place of this edge in the list.' })
    cursor: string;

    @Field(() => node(), { description: 'The object itself.' })
    node: T;
  }

  @ObjectType(`${name}Connection`, { description: `A page of a list of ${name} objects.` })
  class ConnectionOfNodes implements Connection<T> {
    @Field(() => [EdgeOfNode], { description: 'The objects of this page in order.' })
    edges: EdgeOfNode[];

    @Field(() => PageInfo, { description: 'Where this page ends.' })
    pageInfo: PageInfo;
  }

  return ConnectionOfNodes;
}
