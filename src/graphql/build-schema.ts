import 'reflect-metadata';
import type { GraphQLObjectType, GraphQLSchema } from 'graphql';
import { buildSchemaSync, type NonEmptyArray } from 'type-graphql';

/** Resolver objects by their class; type-graphql asks for one by class. */
export type Resolvers = ReadonlyMap<Function, object>;

// type-graphql wants one whenever there is a subscription; ours bring their own iterables and never ask for it.
const NO_PUBSUB = {
  publish: () => undefined,
  subscribe: () => {
    throw new Error('subscriptions bring their own iterable');
  },
};

/** The executable schema over resolvers that were constructed elsewhere. */
export function buildGraphqlSchema(resolvers: Resolvers): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: [...resolvers.keys()] as unknown as NonEmptyArray<Function>,
    container: { get: (resolverClass) => resolvers.get(resolverClass) },
    pubSub: NO_PUBSUB,
    // Inputs are checked by the operations, which the other edge calls too.
    validate: false,
  });
  describe(schema.getQueryType(), 'What can be read.');
  describe(schema.getMutationType(), 'What can be done.');
  describe(schema.getSubscriptionType(), 'What can be watched.');
  return schema;
}

/** type-graphql makes the root types itself and leaves them without a description. */
function describe(type: GraphQLObjectType | null | undefined, description: string): void {
  if (type) type.description = description;
}
