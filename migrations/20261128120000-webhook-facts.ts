import type { MigrationInterface, QueryRunner } from 'typeorm';

const KINDS = [
  ...['account.opened', 'key.created', 'key.rotated', 'key.revoked', 'spell.published', 'spell.yanked'],
  ...['budget.set', 'budget.deleted', 'cast.settled'],
];

/** Where alerts are sent is configuration: who changes it leaves a fact in the ledger. */
export class WebhookFacts20261128120000 implements MigrationInterface {
  name = 'WebhookFacts20261128120000';

  async up(runner: QueryRunner): Promise<void> {
    await setKinds(runner, [...KINDS, 'webhook.set', 'webhook.deleted']);
  }

  async down(runner: QueryRunner): Promise<void> {
    await setKinds(runner, KINDS);
  }
}

async function setKinds(runner: QueryRunner, kinds: readonly string[]): Promise<void> {
  const list = kinds.map((kind) => `'${kind}'`).join(', ');
  await runner.query(`ALTER TABLE ledger_outbox DROP CONSTRAINT ledger_outbox_kind`);
  await runner.query(`ALTER TABLE ledger_outbox ADD CONSTRAINT ledger_outbox_kind CHECK (kind IN (${list}))`);
}
