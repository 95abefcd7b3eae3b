import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import { BudgetRefusalType } from '../budgets/index.js';
import { describeLimit, type CastLimitValues } from '../limits/index.js';
import { BigIntScalar, JsonScalar } from '../platform/index.js';
import { CastType } from './cast.type.js';

@InputType({ description: 'Limits below those of the manifest. A limit cannot be raised.' })
export class CastLimitsInput implements CastLimitValues {
  @Field(() => Int, { nullable: true, description: describeLimit('timeoutMs') })
  timeoutMs?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxCpuMs') })
  maxCpuMs?: number | null;

  @Field(() => BigIntScalar, { nullable: true, description: describeLimit('maxFuel') })
  maxFuel?: bigint | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxMemoryMb') })
  maxMemoryMb?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxStackKb') })
  maxStackKb?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxOutputMb') })
  maxOutputMb?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxLogKb') })
  maxLogKb?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxEvents') })
  maxEvents?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxInputKb') })
  maxInputKb?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxArgumentBytes') })
  maxArgumentBytes?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxEnvironmentBytes') })
  maxEnvironmentBytes?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxResourceMb') })
  maxResourceMb?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('maxResourceFiles') })
  maxResourceFiles?: number | null;

  @Field(() => Int, { nullable: true, description: describeLimit('tmpMb') })
  tmpMb?: number | null;
}

@InputType({ description: 'What to cast, on what, and under which limits.' })
export class CastInput {
  @Field({
    description: 'A key, a version or a range: com.acme.resize, com.acme.resize@1.2.3, com.acme.resize@^1.',
  })
  spell: string;

  @Field(() => JsonScalar, {
    nullable: true,
    description: 'The input: any JSON for a spell that takes json, a string for one that takes text.',
  })
  input?: unknown;

  @Field(() => String, {
    nullable: true,
    description:
      'The input as bytes in base64, at most 8 MiB decoded, less where a limit says so. Instead of `input`.',
  })
  inputBase64?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'The same key and request again are the same cast. At most 255 characters.',
  })
  idempotencyKey?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Your own name for whoever this is for. At most 255 characters.',
  })
  endUser?: string | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'The most it may cost, in micros: lowers the fuel limit, or refuses.',
  })
  maxCostMicros?: bigint | null;

  @Field(() => CastLimitsInput, { nullable: true, description: 'Limits below those of the manifest.' })
  limits?: CastLimitsInput | null;
}

@ObjectType({ description: 'The accepted cast. It is committed: nothing that dies loses it.' })
export class CastPayload {
  @Field({ description: 'The cast.' })
  cast: CastType;
}

@InputType({ description: 'Which cast to cancel.' })
export class CancelCastInput {
  @Field(() => ID, { description: 'The id of the cast.' })
  id: string;
}

@ObjectType({ description: 'The cast after the cancellation.' })
export class CancelCastPayload {
  @Field({
    description:
      'The cast: CANCELED, or as it ended before; RUNNING only if its worker needs more than a second.',
  })
  cast: CastType;
}

@ObjectType('CastEstimate', { description: 'What a cast would cost.' })
export class CastEstimateType {
  @Field(() => BigIntScalar, { description: 'The most it can cost, in micros: what it would hold.' })
  worstCaseMicros: bigint;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'The median of your last 100 succeeded casts of this version, in micros.',
  })
  recentMedianMicros: bigint | null;

  @Field(() => BigIntScalar, { description: 'The fuel limit it would run under.' })
  maxFuel: bigint;

  @Field(() => BudgetRefusalType, {
    nullable: true,
    description: 'The budget that would refuse it at this moment; null when all have room.',
  })
  refusedBy: BudgetRefusalType | null;
}
