import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';
import { requirePrincipal, type Principal, type RequestContext } from '../accounts/index.js';
import { Node, isId } from '../platform/index.js';

/** Looks in one noun for the object with this id; null when it has none that the principal may see. */
export type FindNode = (principal: Principal, id: string) => Promise<Node | null>;

@Resolver()
export class NodeResolver {
  readonly #finders: readonly FindNode[];

  constructor(finders: readonly FindNode[]) {
    this.#finders = finders;
  }

  @Query(() => Node, { nullable: true, description: 'Any object by its id (Relay).' })
  async node(
    @Ctx() context: RequestContext,
    @Arg('id', () => ID, { description: 'The id.' }) id: string,
  ): Promise<Node | null> {
    const principal = requirePrincipal(context.principal);
    if (!isId(id)) return null;
    const found = await Promise.all(this.#finders.map((find) => find(principal, id)));
    return found.find((node) => node !== null) ?? null;
  }
}
