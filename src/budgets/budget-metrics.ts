import { Counter, type Registry } from '../platform/index.js';

/** What operators see of budget alerts. */
export class BudgetMetrics {
  readonly webhooks: Counter<'outcome'>;

  constructor(registry: Registry) {
    this.webhooks = new Counter({
      name: 'spell_budget_webhooks_total',
      help: 'Deliveries of budget alerts by this process: delivered, retried later, or failed for good.',
      labelNames: ['outcome'],
      registers: [registry],
    });
  }
}
