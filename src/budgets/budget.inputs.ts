import { Field, InputType, Int, ObjectType } from 'type-graphql';
import { BigIntScalar } from '../platform/index.js';
import { BudgetPeriodEnum, BudgetScopeEnum, BudgetType } from './budget.type.js';
import type { BudgetPeriod, BudgetScope } from './budget.js';
import { WebhookType } from './webhook.type.js';

@InputType({ description: 'A budget as it shall be: the one for this scope, subject and period.' })
export class SetBudgetInput {
  @Field(() => BudgetScopeEnum, { description: 'Whose casts it counts.' })
  scope: BudgetScope;

  @Field(() => String, {
    nullable: true,
    description:
      'Absent for ACCOUNT; else the prefix of one of your keys, the key of a spell, or one end user, as casts name it.',
  })
  subject?: string | null;

  @Field(() => BudgetPeriodEnum, { description: 'How long it counts, in UTC.' })
  period: BudgetPeriod;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Reaching it is told. In micros, at most 10^15.',
  })
  softLimitMicros?: bigint | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description:
      'No cast is accepted that could pass it. In micros, at most 10^15. One of the two limits is needed.',
  })
  hardLimitMicros?: bigint | null;

  @Field(() => [Int], {
    nullable: true,
    description:
      'Percentages of the hard limit (else of the soft one) that are told: at most 10, from 1 to 100, rising.',
  })
  notifyThresholds?: number[] | null;
}

@ObjectType({ description: 'The budget that was set.' })
export class SetBudgetPayload {
  @Field({ description: 'The budget with its present period.' })
  budget: BudgetType;
}

@InputType({ description: 'Which budget to end.' })
export class DeleteBudgetInput {
  @Field(() => BudgetScopeEnum, { description: 'Whose casts it counts.' })
  scope: BudgetScope;

  @Field(() => String, { nullable: true, description: 'Its subject; absent for ACCOUNT.' })
  subject?: string | null;

  @Field(() => BudgetPeriodEnum, { description: 'How long it counts.' })
  period: BudgetPeriod;
}

@ObjectType({ description: 'The budget that was ended.' })
export class DeleteBudgetPayload {
  @Field({ description: 'The budget as it was.' })
  budget: BudgetType;
}

@InputType({ description: 'Where to send budget alerts.' })
export class SetWebhookInput {
  @Field({ description: 'An https address of the public internet, at most 2,000 characters.' })
  url: string;
}

@ObjectType({ description: 'The webhook and its secret.' })
export class SetWebhookPayload {
  @Field({ description: 'The webhook as it will be shown.' })
  webhook: WebhookType;

  @Field({ description: 'Signs every delivery (Standard Webhooks, whsec_…). It is shown this once.' })
  secret: string;
}

@InputType({ description: 'Which webhook to end.' })
export class DeleteWebhookInput {
  @Field({ description: 'Its address, so that nobody ends another one than they mean.' })
  url: string;
}

@ObjectType({ description: 'The webhook that was ended.' })
export class DeleteWebhookPayload {
  @Field({ description: 'The webhook as it was.' })
  webhook: WebhookType;
}
