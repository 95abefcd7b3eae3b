import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, describe, it } from 'node:test';
import { ApiClient } from '../support/client.js';
import { CastByIdDocument, CastDocument, ViewerDocument } from '../support/gql/graphql.js';
import { startProcess, type ProcessOutput } from '../platform/output-of.js';
import { waitUntil } from '../support/wait.js';
import { ProcessTree } from './process-tree.js';

const NOBODY = 65_534;
const NAMELESS = 54_321;
const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 30_000;
const isRoot = process.getuid?.() === 0;

async function freshFolder(owner?: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spell-local-'));
  after(() => rm(folder, { recursive: true, force: true }));
  if (owner !== undefined) await chown(folder, owner, owner);
  return folder;
}

function startLocal(dataDir: string, uid?: number): { local: ProcessOutput; tree: ProcessTree } {
  const as = uid === undefined ? {} : { uid, gid: uid };
  const local = startProcess('local', { SPELL_DATA_DIR: dataDir, PORT: '0', SPELL_LOG_LEVEL: 'info' }, as);
  const tree = new ProcessTree(local.child.pid ?? 0);
  after(() => tree.stop());
  return { local, tree };
}

const isSaid = (local: ProcessOutput, text: string) => Promise.resolve(local.said().stdout.includes(text));
const isReady = (local: ProcessOutput) =>
  waitUntil('ready', START_WITHIN_MS, () => isSaid(local, 'Ctrl-C stops everything'));

async function stop({ local, tree }: ReturnType<typeof startLocal>): Promise<void> {
  local.child.kill('SIGINT');
  assert.deepEqual(await local.ended, { code: 0, signal: null }, local.said().stderr);
  await tree.stop();
  assert.deepEqual(await tree.left(), []);
}

/** Can another user run this Node and read this program? Not in a checkout below /root. */
function isOpenToOthers(...paths: string[]): boolean {
  for (const start of paths) {
    for (let path = start; path !== dirname(path); path = dirname(path))
      if ((statSync(path).mode & 0o001) === 0) return false;
  }
  return true;
}
const canBeOthers = isRoot && isOpenToOthers(process.execPath, process.cwd());

describe('everything on one machine', () => {
  for (const [who, uid] of [
    [isRoot ? 'root' : 'an ordinary user', undefined],
    ['nobody', NOBODY],
  ] as const) {
    const skip = uid !== undefined && !canBeOthers;
    it(
      `a second start as ${who} finds the account, the key and the casts of the first`,
      { skip },
      async () => {
        const dataDir = await freshFolder(uid);
        const first = startLocal(dataDir, uid);
        await isReady(first.local);
        const keyOf = async () =>
          (JSON.parse(await readFile(join(dataDir, 'local.json'), 'utf8')) as { apiKey: string }).apiKey;
        const apiKey = await keyOf();
        const client = new ApiClient(await first.local.ready, apiKey);
        const { viewer } = await client.get(ViewerDocument, {});
        const input = { spell: 'com.spellplatform.primes', input: { limit: 100 } };
        const { cast } = await client.get(CastDocument, { input });
        await client.watch(cast.cast.id);
        await stop(first);

        const second = startLocal(dataDir, uid);
        await isReady(second.local);
        assert.equal(await keyOf(), apiKey);
        const again = new ApiClient(await second.local.ready, apiKey);
        assert.equal((await again.get(ViewerDocument, {})).viewer.id, viewer.id);
        const found = await again.get(CastByIdDocument, { id: cast.cast.id });
        assert.equal(found.cast?.status, 'SUCCEEDED');
        await stop(second);
      },
    );
  }

  it('a user without a name is told so in plain words', { skip: !canBeOthers }, async () => {
    const { local } = startLocal(await freshFolder(NAMELESS), NAMELESS);
    assert.deepEqual(await local.ended, { code: 1, signal: null });
    assert.match(local.said().stderr, /^PostgreSQL does not run as user 54321, .*DATABASE_URL\n$/);
  });
});

describe('Ctrl-C during the start', () => {
  const moments: Record<string, (run: ReturnType<typeof startLocal>) => Promise<unknown>> = {
    'when the first process has begun': ({ tree }) =>
      waitUntil('a child', START_WITHIN_MS, () => Promise.resolve(tree.size > 0)),
    'while PostgreSQL makes its folder': async ({ tree }) => {
      await waitUntil('children', START_WITHIN_MS, () => Promise.resolve(tree.size > 1));
      await delay(300);
    },
    'when PostgreSQL has started': ({ local }) =>
      waitUntil('PostgreSQL', START_WITHIN_MS, () => isSaid(local, 'PostgreSQL  ')),
    'when Redis has started': ({ local }) =>
      waitUntil('Redis', START_WITHIN_MS, () => isSaid(local, 'Redis       ')),
    'while the sandboxes start': async ({ local }) => {
      await waitUntil('Redis', START_WITHIN_MS, () => isSaid(local, 'Redis       '));
      await delay(700);
    },
    'when it serves and publishes': ({ local }) => local.ready,
  };
  for (const [moment, comes] of Object.entries(moments)) {
    it(`leaves no process: ${moment}`, async () => {
      const run = startLocal(await freshFolder());
      await comes(run);
      await stop(run);
    });
  }

  it('twice leaves no process either', async () => {
    const { local, tree } = startLocal(await freshFolder());
    await waitUntil('PostgreSQL', START_WITHIN_MS, () => isSaid(local, 'PostgreSQL  '));
    local.child.kill('SIGINT');
    await delay(20);
    local.child.kill('SIGINT');
    await local.ended;
    await tree.stop();
    await waitUntil('no process', STOP_WITHIN_MS, async () => (await tree.left()).length === 0);
  });
});
