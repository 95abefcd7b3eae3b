import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiClient } from '../support/client.js';
import { startHarness } from '../support/harness.js';
import { runCast } from '../operations/cast/run-cast.js';
import { startProcess } from './output-of.js';

describe('API and worker in one process', async () => {
  const { seed, environment } = await startHarness({ roles: ['api'] });
  const account = await seed.account();
  const spell = await seed.spell(account, { guest: 'echo' });

  it('accepts a cast and runs it, then stops with code 0', async () => {
    const single = startProcess('single', { ...environment, SPELL_LOG_LEVEL: 'info' });
    const client = new ApiClient(await single.ready, account.apiKey);
    const cast = await runCast(client, { spell, input: 'hello' });
    assert.deepEqual([cast.status, cast.output], ['SUCCEEDED', 'hello']);
    single.child.kill('SIGTERM');
    assert.deepEqual(await single.ended, { code: 0, signal: null }, single.said().stderr);
  });
});
