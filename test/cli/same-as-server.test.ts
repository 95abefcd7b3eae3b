import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PublishSpellDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { buildPackage, type PackageOptions } from '../support/packages.js';
import { runCast } from '../operations/cast/run-cast.js';
import { Desk, spell } from './spell.js';

/** What has nothing of its cast in it: the id in the environment is the only thing that differs between the two. */
const PACKAGES: Record<string, PackageOptions> = {
  'arguments, environment and /tmp': {
    guest: 'environment',
    runtime: {
      args: ['one', '-two'],
      policy: { fs_read: [], env_vars: ['MODE=fast', 'SPELL_KEY'], tmp_mb: 1 },
    },
  },
  'resources and an input': { guest: 'resource', resources: { 'deep/note.txt': 'a note'.repeat(1_000) } },
  'many pieces and sleeps': { guest: 'quick', runtime: { max_events: 50 } },
  'an end by its own fuel': { guest: 'endless', runtime: { max_fuel: 123_457 } },
};

describe('one package, cast on the server and run on a desk', async () => {
  const harness = await startHarness();
  const maker = await harness.seed.account(['publish']);
  const { client } = await harness.seed.account(['cast']);
  let desk: Desk;
  before(async () => {
    desk = await Desk.set();
  });
  after(() => desk.clear());

  for (const [name, options] of Object.entries(PACKAGES)) {
    it(`ok: the same fuel to the last digit, the same output, the same memory: ${name}`, async () => {
      const key = `com.example.same-${Object.keys(PACKAGES).indexOf(name)}`;
      const tar = await buildPackage({ ...options, key });
      const packageBase64 = tar.toString('base64');
      await maker.client.get(PublishSpellDocument, { input: { packageBase64 } });
      const input = 'deep/note.txt';
      const cast = await runCast(client, { spell: key, input });
      const args = [
        'run',
        await desk.file(`${key}.tar`, tar),
        '--input',
        await desk.file('input', input),
        '--json',
      ];
      const done = await spell(args);
      const report = JSON.parse(done.stdout.toString()) as {
        fuelUsed: string;
        memoryPeakBytes: number;
        outputDigest: string;
        error: { code: string } | null;
      };
      assert.equal(report.fuelUsed, cast.fuelUsed);
      assert.equal(report.memoryPeakBytes, Number(cast.memoryPeakBytes));
      assert.equal(report.error?.code, cast.error?.code);
      if (cast.error === null || cast.error === undefined)
        assert.equal(report.outputDigest, cast.outputDigest);
    });
  }
});
