import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../support/client.js';
import { CastDocument, ViewerDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { logLines, startProcess } from './output-of.js';

const CASTS_EACH = 20;

describe('the log of a process that serves two accounts and runs their casts', async () => {
  const { seed, environment } = await startHarness({ roles: ['api'] });
  const dataDir = await mkdtemp(join(tmpdir(), 'spell-log-'));
  after(() => rm(dataDir, { recursive: true, force: true }));
  const local = startProcess('local', {
    ...environment,
    SPELL_DATA_DIR: dataDir,
    SPELL_LOG_LEVEL: 'info',
  });
  const accounts = [await seed.account(), await seed.account()];
  const clients = accounts.map(async ({ apiKey }) => new ApiClient(await local.ready, apiKey));
  const [first] = accounts;
  assert.ok(first);
  const spell = await seed.spell({ ...first, client: (await clients[0]) ?? first.client }, { guest: 'echo' });
  const settled = () => logLines(local).filter(({ msg }) => msg === 'cast settled');
  await Promise.all(
    clients.map(async (ready) => {
      const client = await ready;
      for (let n = 0; n < CASTS_EACH; n++) {
        const { cast } = await client.get(CastDocument, { input: { spell, input: `${n}` } });
        await client.get(ViewerDocument, {});
        await client.watch(cast.cast.id);
      }
    }),
  );
  // Lines leave the process a moment after they were written.
  for (let waits = 0; waits < 50 && settled().length < 2 * CASTS_EACH; waits += 1) await delay(20);

  it('names one account with each request id', () => {
    const accountsOf = new Map<string, Set<string>>();
    for (const { requestId, accountId } of logLines(local)) {
      if (requestId === undefined || accountId === undefined) continue;
      accountsOf.set(requestId, (accountsOf.get(requestId) ?? new Set()).add(accountId));
    }
    assert.ok(accountsOf.size >= 2 * CASTS_EACH);
    for (const [requestId, names] of accountsOf) assert.equal(names.size, 1, requestId);
  });

  it('gives a line about a cast no field of a line about a request', () => {
    assert.equal(settled().length, 2 * CASTS_EACH);
    for (const line of settled()) {
      for (const field of ['requestId', 'transport', 'latencyMs'])
        assert.ok(!(field in line), `${field} in ${JSON.stringify(line)}`);
    }
  });

  it('gives the line about an HTTP request no field of the operation inside it', () => {
    const http = logLines(local).filter(({ msg }) => msg === 'http request');
    assert.ok(http.length >= 2 * CASTS_EACH);
    for (const line of http) assert.ok(!('transport' in line), JSON.stringify(line));
  });
});
