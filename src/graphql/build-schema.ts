import 'reflect-metadata';
import type { GraphQLSchema } from 'graphql';
import { buildSchemaSync, type NonEmptyArray } from 'type-graphql';

/** Resolver objects by their class; type-graphql asks for one by class. */
export type Resolvers = ReadonlyMap<Function, object>;

/** The executable schema over resolvers that were constructed elsewhere. */
export function buildGraphqlSchema(resolvers: Resolvers): GraphQLSchema {
  return buildSchemaSync({
    resolvers: [...resolvers.keys()] as unknown as NonEmptyArray<Function>,
    container: { get: (resolverClass) => resolvers.get(resolverClass) },
    // Inputs are checked by the operations, which the other edge calls too.
    validate: false,
  });
}
