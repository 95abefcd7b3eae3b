import type { BudgetAlert } from './budget-alert.js';

/** Standard Webhooks: a type, a time, and data. Money in micros as decimal text. */
export function toWebhookBody(alert: BudgetAlert) {
  return {
    type: alert.kind === 'SOFT_LIMIT' ? 'budget.soft_limit_reached' : 'budget.threshold_reached',
    timestamp: alert.at.toISOString(),
    data: {
      id: alert.id,
      scope: alert.scope,
      subject: alert.subject === '' ? null : alert.subject,
      period: alert.period,
      threshold_percent: alert.thresholdPercent,
      limit_micros: alert.limitMicros.toString(),
      spent_micros: alert.spentMicros.toString(),
      period_start: alert.periodStart.toISOString(),
      period_end: alert.periodEnd.toISOString(),
    },
  };
}
