import { Field, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import { BigIntScalar, DateTimeScalar, Node, connectionType } from '../platform/index.js';
import type { BudgetAlert } from './budget-alert.js';
import {
  BUDGET_PERIODS,
  BUDGET_SCOPES,
  remainingMicros,
  type Budget,
  type BudgetPeriod,
  type BudgetRefusal,
  type BudgetScope,
} from './budget.js';

function toEnum<Name extends string>(names: readonly Name[]): { [Key in Name]: Key } {
  return Object.fromEntries(names.map((name) => [name, name])) as { [Key in Name]: Key };
}

export const BudgetScopeEnum = toEnum(BUDGET_SCOPES);
registerEnumType(BudgetScopeEnum, {
  name: 'BudgetScope',
  description: 'Whose casts a budget counts.',
  valuesConfig: {
    ACCOUNT: { description: 'All casts of the account.' },
    API_KEY: { description: 'Casts with one API key, and with the keys it is rotated to.' },
    SPELL: { description: 'Casts of one spell, in any version.' },
    END_USER: { description: 'Casts for one of your end users.' },
  },
});

export const BudgetPeriodEnum = toEnum(BUDGET_PERIODS);
registerEnumType(BudgetPeriodEnum, {
  name: 'BudgetPeriod',
  description: 'How long a budget counts before it begins again, in UTC.',
  valuesConfig: {
    DAILY: { description: 'From midnight to midnight.' },
    MONTHLY: { description: 'From the first day of a month to the first of the next.' },
  },
});

const AlertKindEnum = { SOFT_LIMIT: 'SOFT_LIMIT', THRESHOLD: 'THRESHOLD' } as const;
registerEnumType(AlertKindEnum, {
  name: 'BudgetAlertKind',
  description: 'What was reached.',
  valuesConfig: {
    SOFT_LIMIT: { description: 'The soft limit.' },
    THRESHOLD: { description: 'One of the thresholds in percent.' },
  },
});

@ObjectType('Budget', {
  implements: Node,
  description: 'A limit on what casts may cost in a period, and what they have cost in the present one.',
})
export class BudgetType extends Node {
  @Field(() => BudgetScopeEnum, { description: 'Whose casts it counts.' })
  scope: BudgetScope;

  @Field(() => String, {
    nullable: true,
    description: 'The prefix of the key, the key of the spell, or the end user; null for ACCOUNT.',
  })
  subject: string | null;

  @Field(() => BudgetPeriodEnum, { description: 'How long it counts.' })
  period: BudgetPeriod;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Reaching it is told, and nothing else. In micros.',
  })
  softLimitMicros: bigint | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'No cast is accepted that could pass it. In micros.',
  })
  hardLimitMicros: bigint | null;

  @Field(() => [Int], { description: 'Percentages of the hard limit (else of the soft one) that are told.' })
  notifyThresholds: number[];

  @Field(() => BigIntScalar, {
    description: 'What the casts accepted in this period have cost so far, in micros.',
  })
  spentMicros: bigint;

  @Field(() => BigIntScalar, { description: 'The worst case of those that have not ended, in micros.' })
  heldMicros: bigint;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'What the hard limit leaves after spent and held, in micros; null without a hard limit.',
  })
  remainingMicros: bigint | null;

  @Field(() => DateTimeScalar, { description: 'When the present period began.' })
  periodStart: Date;

  @Field(() => DateTimeScalar, { description: 'When the next one begins.' })
  periodEnd: Date;
}

export const BudgetConnection = connectionType('Budget', () => BudgetType);

export function toBudgetType(budget: Budget): BudgetType {
  const subject = budget.subject === '' ? null : budget.subject;
  return Object.assign(new BudgetType(), { ...budget, subject, remainingMicros: remainingMicros(budget) });
}

@ObjectType('BudgetAlert', {
  description: 'A soft limit or threshold was reached: once per budget and period.',
})
export class BudgetAlertType {
  @Field(() => ID, { description: 'Unique; a webhook carries it as webhook-id, behind `alert_`.' })
  alertId: string;

  @Field(() => AlertKindEnum, { description: 'What was reached.' })
  kind: 'SOFT_LIMIT' | 'THRESHOLD';

  @Field(() => Int, { nullable: true, description: 'The threshold in percent; null for the soft limit.' })
  thresholdPercent: number | null;

  @Field(() => BudgetScopeEnum, { description: 'Whose casts the budget counts.' })
  scope: BudgetScope;

  @Field(() => String, { nullable: true, description: 'The subject of the budget; null for ACCOUNT.' })
  subject: string | null;

  @Field(() => BudgetPeriodEnum, { description: 'How long the budget counts.' })
  period: BudgetPeriod;

  @Field(() => BigIntScalar, { description: 'The limit that it is about, in micros.' })
  limitMicros: bigint;

  @Field(() => BigIntScalar, { description: 'What was spent when it was reached, in micros.' })
  spentMicros: bigint;

  @Field(() => DateTimeScalar, { description: 'When the period began.' })
  periodStart: Date;

  @Field(() => DateTimeScalar, { description: 'When the next one begins.' })
  periodEnd: Date;

  @Field(() => DateTimeScalar, { description: 'When it was reached.' })
  at: Date;
}

export function toBudgetAlertType(alert: BudgetAlert): BudgetAlertType {
  const { id: alertId, accountId: _accountId, subject, ...shown } = alert;
  return Object.assign(new BudgetAlertType(), {
    ...shown,
    alertId,
    subject: subject === '' ? null : subject,
  });
}

@ObjectType('BudgetRefusal', { description: 'A budget that has no room for a cast.' })
export class BudgetRefusalType {
  @Field(() => BudgetScopeEnum, { description: 'Whose casts the budget counts.' })
  scope: BudgetScope;

  @Field(() => String, { nullable: true, description: 'The subject of the budget; null for ACCOUNT.' })
  subject: string | null;

  @Field(() => BudgetPeriodEnum, { description: 'How long it counts.' })
  period: BudgetPeriod;

  @Field(() => BigIntScalar, { description: 'Its hard limit, in micros.' })
  limitMicros: bigint;

  @Field(() => BigIntScalar, { description: 'What is spent, in micros.' })
  spentMicros: bigint;

  @Field(() => BigIntScalar, { description: 'What is held, in micros.' })
  heldMicros: bigint;

  @Field(() => BigIntScalar, { description: 'What the cast would hold, in micros.' })
  requiredMicros: bigint;

  @Field(() => DateTimeScalar, { description: 'When the next period begins.' })
  periodEnd: Date;
}

export function toBudgetRefusalType(refusal: BudgetRefusal): BudgetRefusalType {
  const subject = refusal.subject === '' ? null : refusal.subject;
  return Object.assign(new BudgetRefusalType(), { ...refusal, subject });
}
