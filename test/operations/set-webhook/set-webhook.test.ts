import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeleteWebhookDocument, SetWebhookDocument, WebhookDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { isPublicAddress } from '../../../src/budgets/public-addresses.js';
import { postWebhook } from '../../../src/budgets/post-webhook.js';

describe('setWebhook', async () => {
  const { seed, client, app } = await startHarness({ roles: ['api'] });

  it('ok: an address of the public internet; its secret is shown once and not stored', async () => {
    const owner = await seed.account();
    const url = 'https://192.9.200.1/alerts?of=spells';
    const { webhook, secret } = (await owner.client.get(SetWebhookDocument, { input: { url } })).setWebhook;
    assert.equal(webhook.url, url);
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{32}$/);
    assert.deepEqual((await owner.client.get(WebhookDocument, {})).viewer.webhook, webhook);
    const [row] = await app.database.query(
      `SELECT row_to_json(w)::text AS text FROM account_webhooks w WHERE account_id = $1`,
      [owner.accountId],
    );
    assert.ok(!row.text.includes(secret.slice(6)));
    const again = (await owner.client.get(SetWebhookDocument, { input: { url } })).setWebhook;
    assert.notEqual(again.secret, secret);
    await owner.client.get(DeleteWebhookDocument, { input: { url } });
    assert.equal((await owner.client.get(WebhookDocument, {})).viewer.webhook, null);
    const gone = await owner.client.refusal(DeleteWebhookDocument, { input: { url } });
    assert.equal(gone.extensions.code, 'NOT_FOUND');
    const facts = await app.database.query(
      `SELECT kind, content ->> 'url' AS url FROM ledger_outbox WHERE account_id = $1 AND subject = 'webhook' ORDER BY id`,
      [owner.accountId],
    );
    assert.deepEqual(
      facts,
      ['webhook.set', 'webhook.set', 'webhook.deleted'].map((kind) => ({ kind, url })),
    );
  });

  it('bad input: no https, credentials, names of inside, however they are written', async () => {
    const owner = await seed.account();
    const wrong = [
      'http://192.9.200.1/',
      'ftp://192.9.200.1/',
      'https://user:password@192.9.200.1/',
      'not a url',
      `https://192.9.200.1/${'a'.repeat(2_000)}`,
      'https://localhost/',
      'https://127.0.0.1/',
      'https://0x7f000001/',
      'https://2130706433/',
      'https://127.1/',
      'https://10.1.2.3/',
      'https://169.254.169.254/latest/meta-data/',
      'https://[::1]/',
      'https://[::ffff:10.0.0.1]/',
      'https://[::ffff:7f00:1]/',
      'https://[64:ff9b::7f00:1]/',
      'https://[fd00::1]/',
      'https://[fe80::1]/',
      'https://does-not-exist.invalid/',
    ];
    for (const url of wrong) {
      const { extensions } = await owner.client.refusal(SetWebhookDocument, { input: { url } });
      assert.equal(extensions.code, 'BAD_USER_INPUT', url);
    }
  });

  it('forbidden, unauthenticated', async () => {
    const input = { url: 'https://192.9.200.1/' };
    const caster = await seed.account(['cast', 'read']);
    assert.equal((await caster.client.refusal(SetWebhookDocument, { input })).extensions.code, 'FORBIDDEN');
    assert.equal((await client().refusal(SetWebhookDocument, { input })).extensions.code, 'UNAUTHENTICATED');
  });
});

describe('a webhook is checked again when it connects', () => {
  it('whatever its name means by then', async () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]', '[::ffff:127.0.0.1]']) {
      const target = { url: new URL(`https://${host}:9/`), allowPrivate: false };
      await assert.rejects(postWebhook(target, {}, '{}'), /not on the public internet/, host);
    }
  });

  it('public and not public', () => {
    for (const address of [
      '8.8.8.8',
      '1.1.1.1',
      '172.32.0.1',
      '2606:4700::1111',
      '::ffff:8.8.8.8',
      '::ffff:808:808',
    ])
      assert.equal(isPublicAddress(address), true, address);
    const inside = [
      '0.0.0.0',
      '10.0.0.1',
      '100.64.0.1',
      '127.9.9.9',
      '172.31.255.255',
      '192.168.1.1',
      '224.0.0.1',
      '255.255.255.255',
    ];
    for (const address of [
      ...inside,
      '::',
      '::1',
      '::ffff:192.168.0.1',
      'fc00::1',
      'fe80::1',
      'ff02::1',
      '2002::1',
      '::ffff:0:7f00:1',
      '64:ff9b::7f00:1',
      '64:ff9b:1::1',
      '100::1',
      '4000::1',
      '5f00::1',
      'fec0::1',
      '2001:db8::1',
      '3fff::1',
      '192.31.196.1',
      '192.52.193.1',
      '192.175.48.1',
      'fe80::1%eth0',
      'name',
    ])
      assert.equal(isPublicAddress(address), false, address);
  });
});
