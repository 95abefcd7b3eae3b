import type { MigrationInterface, QueryRunner } from 'typeorm';

const BEFORE = [
  'account.opened',
  'key.created',
  'key.rotated',
  'key.revoked',
  'spell.published',
  'spell.yanked',
  'budget.set',
  'budget.deleted',
  'cast.settled',
];

/** Where an account is told of its budgets is a change of configuration: the ledger takes it as a fact. */
export class WebhookFacts20261128120000 implements MigrationInterface {
  name = 'WebhookFacts20261128120000';

  async up(runner: QueryRunner): Promise<void> {
    await this.#allow(runner, [...BEFORE, 'webhook.set', 'webhook.deleted']);
  }

  async down(runner: QueryRunner): Promise<void> {
    await this.#allow(runner, BEFORE);
  }

  async #allow(runner: QueryRunner, kinds: readonly string[]): Promise<void> {
    const list = kinds.map((kind) => `'${kind}'`).join(', ');
    await runner.query(`
      ALTER TABLE ledger_outbox DROP CONSTRAINT ledger_outbox_kind,
        ADD CONSTRAINT ledger_outbox_kind CHECK (kind IN (${list}))`);
  }
}
