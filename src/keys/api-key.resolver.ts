import { Arg, Ctx, Field, FieldResolver, InputType, Int, Mutation, ObjectType, Resolver } from 'type-graphql';
import { AccountType, type RequestContext } from '../accounts/index.js';
import { DateTimeScalar, parsePage, toConnection, type Connection, type PubSub } from '../platform/index.js';
import { ApiKeyConnection, ApiKeyType, toApiKeyType } from './api-key.type.js';
import { createApiKey } from './create-api-key.js';
import type { IssueDeps } from './issue-api-key.js';
import { listApiKeys } from './list-api-keys.js';
import { revokeApiKey } from './revoke-api-key.js';
import { rotateApiKey } from './rotate-api-key.js';

@InputType({ description: 'What a new key is for and what it may do.' })
class CreateApiKeyInput {
  @Field({ description: 'What the key is for, 1 to 100 characters.' })
  name: string;

  @Field(() => [String], { description: 'At least one of cast, publish, read, admin.' })
  scopes: string[];

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When the key stops working; never, if absent.',
  })
  expiresAt?: Date | null;
}

@ObjectType({ description: 'A new key.' })
class CreateApiKeyPayload {
  @Field({ description: 'The key as it will be listed.' })
  apiKey: ApiKeyType;

  @Field({ description: 'The whole key. It is shown this once and stored nowhere.' })
  secret: string;
}

@InputType({ description: 'Which key to replace, and for how long both work.' })
class RotateApiKeyInput {
  @Field({ description: 'The public prefix of the key to replace.' })
  prefix: string;

  @Field(() => Int, {
    nullable: true,
    description: 'How long the old key goes on working; 24 hours if absent, at most 30 days.',
  })
  overlapSeconds?: number | null;
}

@ObjectType({ description: 'A key and its successor.' })
class RotateApiKeyPayload {
  @Field({ description: 'The new key as it will be listed.' })
  apiKey: ApiKeyType;

  @Field({ description: 'The whole new key. It is shown this once and stored nowhere.' })
  secret: string;

  @Field({ description: 'The old key with the end of its overlap in `expiresAt`.' })
  replaced: ApiKeyType;
}

@InputType({ description: 'Which key to revoke.' })
class RevokeApiKeyInput {
  @Field({ description: 'The public prefix of the key.' })
  prefix: string;
}

@ObjectType({ description: 'The revoked key.' })
class RevokeApiKeyPayload {
  @Field({ description: 'The key, with `revokedAt` set.' })
  apiKey: ApiKeyType;
}

export interface KeyDeps extends IssueDeps {
  pubsub: PubSub;
}

@Resolver(() => AccountType)
export class ApiKeyResolver {
  readonly #deps: KeyDeps;

  constructor(deps: KeyDeps) {
    this.#deps = deps;
  }

  @FieldResolver(() => ApiKeyConnection, { description: 'The account’s API keys, newest first.' })
  async apiKeys(
    @Ctx() context: RequestContext,
    @Arg('first', () => Int, { nullable: true, description: 'Page size, at most 100.' }) first?: number,
    @Arg('after', () => String, { nullable: true, description: 'The cursor to go on from.' }) after?: string,
  ): Promise<Connection<ApiKeyType>> {
    const page = parsePage(first, after);
    return toConnection(await listApiKeys(this.#deps, context.principal, page), page, toApiKeyType);
  }

  @Mutation(() => CreateApiKeyPayload, { description: 'Issues a key. Needs the scope admin.' })
  async createApiKey(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'What the key is for.' }) input: CreateApiKeyInput,
  ): Promise<CreateApiKeyPayload> {
    const { apiKey, secret } = await createApiKey(this.#deps, context.principal, input);
    return { apiKey: toApiKeyType(apiKey), secret };
  }

  @Mutation(() => RotateApiKeyPayload, {
    description: 'Replaces a key; both work during the overlap. Needs the scope admin.',
  })
  async rotateApiKey(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'Which key, and the overlap.' }) input: RotateApiKeyInput,
  ): Promise<RotateApiKeyPayload> {
    const { apiKey, secret, replaced } = await rotateApiKey(this.#deps, context.principal, input);
    return { apiKey: toApiKeyType(apiKey), secret, replaced: toApiKeyType(replaced) };
  }

  @Mutation(() => RevokeApiKeyPayload, {
    description: 'Ends a key everywhere within 5 seconds. Needs the scope admin.',
  })
  async revokeApiKey(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'Which key.' }) input: RevokeApiKeyInput,
  ): Promise<RevokeApiKeyPayload> {
    return { apiKey: toApiKeyType(await revokeApiKey(this.#deps, context.principal, input)) };
  }
}
