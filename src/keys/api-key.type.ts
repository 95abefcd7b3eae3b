import { Field, ObjectType } from 'type-graphql';
import type { Scope } from '../accounts/index.js';
import { DateTimeScalar, Node, connectionType } from '../platform/index.js';
import type { ApiKeyEntity } from './api-key.entity.js';

@ObjectType('ApiKey', {
  implements: Node,
  description: 'A key that scripts and agents present. Its secret is never shown again.',
})
export class ApiKeyType extends Node {
  @Field({ description: 'The public part of the key, by which it is named.' })
  prefix: string;

  @Field({ description: 'What the key is for, in its owner’s words.' })
  name: string;

  @Field(() => [String], { description: 'What the key may do: cast, publish, read, admin.' })
  scopes: readonly Scope[];

  @Field(() => DateTimeScalar, { description: 'When the key was issued.' })
  createdAt: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When the key stops working, if it ever does by itself.',
  })
  expiresAt: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'The last use, to within a few seconds.' })
  lastUsedAt: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When the key was revoked.' })
  revokedAt: Date | null;
}

export const ApiKeyConnection = connectionType('ApiKey', () => ApiKeyType);

export function toApiKeyType(key: ApiKeyEntity): ApiKeyType {
  return Object.assign(new ApiKeyType(), {
    id: key.id,
    prefix: key.prefix,
    name: key.name,
    scopes: key.scopes,
    createdAt: key.createdAt,
    expiresAt: key.expiresAt,
    lastUsedAt: key.lastUsedAt,
    revokedAt: key.revokedAt,
  });
}
