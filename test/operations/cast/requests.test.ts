import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ApiClient } from '../../support/client.js';
import {
  CancelCastDocument,
  CastByIdDocument,
  CastDocument,
  CastsDocument,
  NodeDocument,
  YankSpellVersionDocument,
  type CastInput,
} from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { runCast, waitForEnd } from './run-cast.js';

interface CastBody {
  id: string;
  status: string;
  result: unknown;
  [field: string]: unknown;
}

describe('cast: who asks, and how often', async () => {
  const { seed, client: clientOf, app } = await startHarness();
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast', 'read']);
  const { client } = caster;
  const [echo, sleeper, json] = await Promise.all([
    seed.spell(maker, { guest: 'echo' }),
    seed.spell(maker, { guest: 'sleeper' }),
    seed.spell(maker, { guest: 'echo', input: 'json', output: 'json' }),
  ]);
  const cast = async (input: CastInput, by: ApiClient = client) =>
    (await by.get(CastDocument, { input })).cast.cast;
  const refusal = async (input: CastInput, by: ApiClient = client) => by.refusal(CastDocument, { input });
  const post = (body: object | string, headers: Record<string, string> = {}, by: ApiClient = client) =>
    by.fetch('/v1/cast', {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const read = async (response: Response) => (await response.json()) as CastBody;

  describe('idempotencyKey', () => {
    it('ok: the same request again is the same cast, also after it ended, also after its version was yanked', async () => {
      const spell = await seed.spell(maker, { guest: 'echo' });
      const input = {
        spell,
        input: 'once',
        idempotencyKey: randomUUID(),
        endUser: 'user',
        limits: { timeoutMs: 5_000 },
      };
      const first = await cast(input);
      assert.equal((await cast(input)).id, first.id);
      await waitForEnd(client, first.id);
      const later = await cast(input);
      assert.equal(later.id, first.id);
      assert.equal(later.status, 'SUCCEEDED');
      assert.equal(later.output, 'once');
      await maker.client.get(YankSpellVersionDocument, { input: { key: spell, version: '1.0.0' } });
      assert.equal((await cast(input)).id, first.id);
      assert.equal((await refusal({ ...input, idempotencyKey: randomUUID() })).extensions.code, 'NOT_FOUND');
    });

    it('ok: fifty at once are one cast, run once', async () => {
      const input = { spell: echo, input: 'fifty', idempotencyKey: randomUUID() };
      const casts = await Promise.all(Array.from({ length: 50 }, () => cast(input)));
      const ids = new Set(casts.map(({ id }) => id));
      assert.equal(ids.size, 1);
      const [id = ''] = ids;
      assert.equal((await waitForEnd(client, id)).attempts, 1);
      const rows = await app.database.query(`SELECT id FROM casts WHERE idempotency_key = $1`, [
        input.idempotencyKey,
      ]);
      assert.equal(rows.length, 1);
    });

    it('ok: the same key of another account is another cast', async () => {
      const other = await seed.account(['cast']);
      const input = { spell: echo, input: 'mine', idempotencyKey: randomUUID() };
      assert.notEqual((await cast(input)).id, (await cast(input, other.client)).id);
    });

    it('mismatch: the same key with anything else that was said', async () => {
      const input: CastInput = { spell: echo, input: 'a', idempotencyKey: randomUUID() };
      const { id } = await cast(input);
      const others: CastInput[] = [
        { ...input, input: 'b' },
        { ...input, spell: `${echo}@1.0.0` },
        { ...input, endUser: 'someone' },
        { ...input, maxCostMicros: '5' },
        { ...input, limits: { timeoutMs: 1_000 } },
        { ...input, limits: { maxFuel: '1000000' } },
        { ...input, limits: { maxMemoryMb: 8 } },
        { ...input, input: undefined, inputBase64: 'YQ==' },
      ];
      for (const other of others) {
        const error = await refusal(other);
        assert.equal(error.extensions.code, 'IDEMPOTENCY_MISMATCH', JSON.stringify(other));
        assert.equal(error.extensions['castId'], id);
      }
    });

    it('mismatch: of two different requests at once exactly one is accepted', async () => {
      const idempotencyKey = randomUUID();
      const requests = ['one', 'two'].map((input) =>
        client.ask(CastDocument, { input: { spell: echo, input, idempotencyKey } }),
      );
      const answers = await Promise.all(requests);
      const codes = answers.flatMap(({ errors }) => errors.map((error) => error.extensions.code));
      assert.deepEqual(codes, ['IDEMPOTENCY_MISMATCH']);
    });

    it('ok: a refused request does not use up its key', async () => {
      const idempotencyKey = randomUUID();
      await refusal({ spell: json, inputBase64: 'bm90IGpzb24=', idempotencyKey });
      await cast({ spell: json, input: { fine: true }, idempotencyKey });
    });

    it('bad input: an empty key, one that is too long, and one with a NUL', async () => {
      for (const idempotencyKey of ['', 'k'.repeat(256), 'nul\u0000nul']) {
        const error = await refusal({ spell: echo, input: 'x', idempotencyKey });
        assert.equal(error.extensions.code, 'BAD_USER_INPUT', JSON.stringify(idempotencyKey.slice(0, 10)));
      }
      await cast({ spell: echo, input: 'x', idempotencyKey: 'k'.repeat(255) });
    });
  });

  describe('text that cannot be kept as it is', () => {
    // Stored as U+FFFD, two end users would be one, and share a budget.
    for (const field of ['endUser', 'idempotencyKey', 'input']) {
      it(`bad input: half of a surrogate pair in ${field}`, async () => {
        const error = await refusal({ spell: echo, input: 'x', [field]: 'a\ud800' });
        assert.equal(error.extensions.code, 'BAD_USER_INPUT');
        const [problem] = error.extensions['problems'] as { path: string }[];
        assert.equal(problem?.path, field);
      });
    }
  });

  describe('who may', () => {
    it('unauthenticated: nobody', async () => {
      const input = { spell: echo, input: 'x' };
      assert.equal((await refusal(input, clientOf())).extensions.code, 'UNAUTHENTICATED');
      assert.equal((await post({ spell_name: echo, payload: 'x' }, {}, clientOf())).status, 401);
    });

    it('forbidden: a key that may only read or publish', async () => {
      const reader = await seed.key(caster.accountId, ['read']);
      for (const by of [reader.client, maker.client]) {
        assert.equal((await refusal({ spell: echo, input: 'x' }, by)).extensions.code, 'FORBIDDEN');
        assert.equal((await post({ spell_name: echo, payload: 'x' }, {}, by)).status, 403);
      }
    });

    it('ok: a key that may only read sees the casts of its account', async () => {
      const ended = await runCast(client, { spell: echo, input: 'seen' });
      const reader = await seed.key(caster.accountId, ['read']);
      const { cast: found } = await reader.client.get(CastByIdDocument, { id: ended.id });
      assert.equal(found?.output, 'seen');
      const { viewer } = await reader.client.get(CastsDocument, { first: 100 });
      assert.ok(viewer.casts.edges.some(({ node }) => node.id === ended.id));
    });

    it('not found: the cast of another account, everywhere, as one that does not exist', async () => {
      const { id } = await runCast(client, { spell: echo, input: 'private' });
      const stranger = await seed.account(['admin']);
      for (const unknown of [id, randomUUID(), '01890000-0000-7000-8000-000000000000', 'not-an-id']) {
        const { cast: found } = await stranger.client.get(CastByIdDocument, { id: unknown });
        assert.equal(found, null);
        const { node } = await stranger.client.get(NodeDocument, { id: unknown });
        assert.equal(node, null);
        const canceled = await stranger.client.refusal(CancelCastDocument, { input: { id: unknown } });
        assert.equal(canceled.extensions.code, 'NOT_FOUND');
        await assert.rejects(stranger.client.watch(unknown), (error) =>
          /NOT_FOUND/.test(JSON.stringify(error)),
        );
        assert.equal((await stranger.client.fetch(`/v1/casts/${unknown}`)).status, 404);
        assert.equal(
          (await stranger.client.fetch(`/v1/casts/${unknown}/cancel`, { method: 'POST' })).status,
          404,
        );
      }
      const { viewer } = await stranger.client.get(CastsDocument, {});
      assert.equal(viewer.casts.edges.length, 0);
    });

    it('ok: the account’s casts come in pages, each once', async () => {
      const owner = await seed.account(['cast']);
      const ids = new Set<string>();
      for (let i = 0; i < 5; i++) ids.add((await cast({ spell: echo, input: String(i) }, owner.client)).id);
      const seen: string[] = [];
      let after: string | null = null;
      for (let pages = 0; pages < 9; pages++) {
        const answer: { viewer: { casts: CastPage } } = await owner.client.get(CastsDocument, {
          first: 2,
          after,
        });
        const { edges, pageInfo } = answer.viewer.casts;
        seen.push(...edges.map(({ node }) => node.id));
        if (!pageInfo.hasNextPage) break;
        after = pageInfo.endCursor ?? null;
      }
      assert.equal(seen.length, 5);
      assert.deepEqual(new Set(seen), ids);
    });
  });

  describe('POST /v1/cast', () => {
    it('ok: waits for the end and answers 200 with the result', async () => {
      const response = await post({ spell_name: echo, payload: 'hello' });
      assert.equal(response.status, 200);
      const body = await read(response);
      assert.equal(body.status, 'SUCCEEDED');
      assert.equal(body.result, 'hello');
      assert.equal(body['result_base64'], Buffer.from('hello').toString('base64'));
      assert.equal(body['cost_micros'], '0');
      assert.equal(body['attempts'], 1);
      const { cast: same } = await client.get(CastByIdDocument, { id: body.id });
      assert.equal(same?.fuelUsed, body['fuel_used']);
    });

    it('ok: json results are json, bytes come as payload_base64', async () => {
      const value = { list: [1, null, { deep: 'ü' }], empty: '' };
      assert.deepEqual((await read(await post({ spell_name: json, payload: value }))).result, value);
      assert.equal((await read(await post({ spell_name: json, payload: null }))).result, null);
      const body = await read(await post({ spell_name: echo, payload_base64: 'YWJj' }));
      assert.equal(body.result, 'abc');
    });

    it('ok: a failed cast is an answer like any other: 200, its status, its error', async () => {
      const trap = await seed.spell(maker, { guest: 'trap' });
      const response = await post({ spell_name: trap });
      assert.equal(response.status, 200);
      const body = await read(response);
      assert.equal(body.status, 'FAILED');
      assert.equal((body['error'] as { code: string }).code, 'TRAP');
    });

    it('ok: Prefer: respond-async answers 202 at once, and the address shows the cast until its end', async () => {
      const startedMs = performance.now();
      const response = await post({ spell_name: sleeper }, { prefer: 'return=minimal, respond-async' });
      assert.ok(performance.now() - startedMs < 10_000);
      assert.equal(response.status, 202);
      const accepted = await read(response);
      assert.equal(accepted.status, 'QUEUED');
      const location = response.headers.get('location') ?? '';
      assert.equal(location, `/v1/casts/${accepted.id}`);
      assert.equal((await read(await client.fetch(location))).id, accepted.id);
      await waitForEnd(client, accepted.id);
      const ended = await read(await client.fetch(location));
      assert.equal(ended.status, 'SUCCEEDED');
      assert.equal(ended.result, 'done');
    });

    it('ok: Idempotency-Key, shared with GraphQL', async () => {
      const key = randomUUID();
      const first = await read(await post({ spell_name: echo, payload: 'same' }, { 'idempotency-key': key }));
      const second = await read(
        await post({ spell_name: echo, payload: 'same' }, { 'idempotency-key': key }),
      );
      assert.equal(second.id, first.id);
      assert.equal((await cast({ spell: echo, input: 'same', idempotencyKey: key })).id, first.id);
      const other = await post({ spell_name: echo, payload: 'other' }, { 'idempotency-key': key });
      assert.equal(other.status, 422);
      assert.equal((await read(other))['code'], 'IDEMPOTENCY_MISMATCH');
    });

    it('ok: limits, end_user and max_cost_micros mean what they mean in GraphQL', async () => {
      const metered = await seed.spell(maker, {
        pricing: { model: 'metered', usd_per_gigafuel: '1' },
        runtime: { max_fuel: 2_000_000 },
      });
      const body = {
        spell_name: metered,
        payload: 'x',
        end_user: 'eve',
        limits: { timeout_ms: 900, max_fuel: '1500000', max_memory_mb: 4 },
      };
      const async = { prefer: 'respond-async' };
      assert.equal((await read(await post(body, async)))['held_micros'], '1500');
      assert.equal((await read(await post({ ...body, max_cost_micros: 700 }, async)))['held_micros'], '700');
      const ended = await read(await post(body));
      const [row] = await app.database.query(
        `SELECT end_user, timeout_ms, max_fuel FROM casts WHERE id = $1`,
        [ended.id],
      );
      assert.deepEqual(row, { end_user: 'eve', timeout_ms: 900, max_fuel: '1500000' });
      assert.equal(ended['cost_cents'], '1');
    });

    it('problems: what is wrong comes as problem+json with status and code', async () => {
      const expected: [object | string, number, string][] = [
        [{ payload: 'x' }, 400, 'BAD_USER_INPUT'],
        [{ spell_name: echo, payload: 'x', surprise: 1 }, 400, 'BAD_USER_INPUT'],
        [{ spell_name: `${echo}@latest`, payload: 'x' }, 400, 'BAD_USER_INPUT'],
        [{ spell_name: 'com.example.nobody', payload: 'x' }, 404, 'NOT_FOUND'],
        [{ spell_name: echo, payload: { not: 'text' } }, 400, 'BAD_USER_INPUT'],
        [{ spell_name: echo, payload: 'x', limits: { timeout_ms: 999_999 } }, 400, 'BAD_USER_INPUT'],
        [{ spell_name: echo, payload: 'x', max_cost_micros: 'much' }, 400, 'BAD_USER_INPUT'],
        ['{"spell_name":', 400, 'BAD_USER_INPUT'],
      ];
      for (const [body, status, code] of expected) {
        const response = await post(body);
        assert.equal(response.status, status, JSON.stringify(body));
        assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/);
        const problem = (await response.json()) as {
          code: string;
          status: number;
          requestId: string;
          detail: string;
        };
        assert.equal(problem.code, code, JSON.stringify(body));
        assert.equal(problem.status, status);
        assert.equal(problem.requestId, response.headers.get('x-request-id'));
      }
    });

    it('problems: a place that is wrong is named as the REST body names it', async () => {
      const response = await post({
        spell_name: echo,
        payload: 'x',
        limits: { timeout_ms: 999_999, max_memory_mb: 9_999 },
      });
      const { problems } = (await response.json()) as { problems: { path: string }[] };
      assert.deepEqual(problems.map(({ path }) => path).sort(), [
        'limits/max_memory_mb',
        'limits/timeout_ms',
      ]);
    });

    it('ok: POST /v1/casts/:id/cancel stops a running cast', async () => {
      const endless = await seed.spell(maker, {
        guest: 'endless',
        runtime: { max_fuel: 9_000_000_000_000, timeout_ms: 60_000 },
      });
      const accepted = await read(await post({ spell_name: endless }, { prefer: 'respond-async' }));
      const canceled = await client.fetch(`/v1/casts/${accepted.id}/cancel`, { method: 'POST' });
      assert.equal(canceled.status, 200);
      assert.equal((await waitForEnd(client, accepted.id)).status, 'CANCELED');
    });
  });
});

interface CastPage {
  edges: { node: { id: string } }[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}
