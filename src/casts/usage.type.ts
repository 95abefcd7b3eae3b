import { Field, ObjectType, registerEnumType } from 'type-graphql';
import { BigIntScalar, connectionType } from '../platform/index.js';

export const UsageDimensionEnum = {
  DAY: 'DAY',
  SPELL: 'SPELL',
  API_KEY: 'API_KEY',
  END_USER: 'END_USER',
} as const;
registerEnumType(UsageDimensionEnum, {
  name: 'UsageDimension',
  description: 'By what usage is told apart.',
  valuesConfig: {
    DAY: { description: 'The day in UTC on which casts were accepted.' },
    SPELL: { description: 'The key of the spell.' },
    API_KEY: { description: 'The prefix of the API key.' },
    END_USER: { description: 'The end user that casts named.' },
  },
});

@ObjectType('Usage', { description: 'What settled casts used that have these things in common.' })
export class UsageType {
  @Field(() => String, {
    nullable: true,
    description: 'The day (UTC), as 2026-11-22; null if not asked for.',
  })
  day: string | null;

  @Field(() => String, { nullable: true, description: 'The key of the spell; null if not asked for.' })
  spell: string | null;

  @Field(() => String, { nullable: true, description: 'The prefix of the API key; null if not asked for.' })
  keyPrefix: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'The end user; null if none was named or not asked for.',
  })
  endUser: string | null;

  @Field(() => BigIntScalar, { description: 'Casts that have ended, however they ended.' })
  calls: bigint;

  @Field(() => BigIntScalar, { description: 'The fuel they burned, as far as it is known.' })
  fuel: bigint;

  @Field(() => BigIntScalar, { description: 'What they were charged, in micros.' })
  micros: bigint;
}

export const UsageConnection = connectionType('Usage', () => UsageType);
