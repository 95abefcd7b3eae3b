import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { JobQueue, JobWorker, connectRedis, createLogger } from '../../src/platform/index.js';
import { redisUrl } from '../support/databases.js';

const JOB_MS = 30;
const CONCURRENCY = 4;

describe('jobs that go past the queue', () => {
  const logger = createLogger({ level: 'fatal', name: 'test' });
  const prefix = `test-${randomBytes(6).toString('hex')}`;
  const redis = connectRedis(redisUrl(), logger, 'test');
  const queue = new JobQueue({ redis, name: 'jobs', prefix, logger });
  const done = new Set<string>();
  const worker = new JobWorker({
    redisUrl: redisUrl(),
    name: 'jobs',
    prefix,
    concurrency: () => CONCURRENCY,
    places: () => CONCURRENCY,
    logger,
    run: async (id) => {
      await delay(JOB_MS);
      done.add(id);
    },
  });
  after(async () => {
    await worker.close(true);
    await queue.close();
    redis.disconnect();
  });

  it('get every place but the one that is kept for the queue, and give it back once', async () => {
    const places = Array.from({ length: CONCURRENCY }, () => worker.takePlace());
    assert.deepEqual(
      places.map((place) => place !== null),
      [true, true, true, false],
    );
    for (const place of places) place?.giveBack();
    const again = worker.takePlace();
    assert.notEqual(again, null);
    again?.run(() => Promise.resolve());
  });

  it('never keep the queue waiting: while it has waited, they get no place; afterwards they do', async () => {
    const ids = Array.from({ length: 60 }, () => randomUUID());
    await queue.addAll(ids);
    let placed = 0;
    const refusedAtMs: number[] = [];
    const startedMs = performance.now();
    while (done.size < ids.length) {
      assert.ok(performance.now() - startedMs < 10_000, `${done.size} of ${ids.length} jobs were done`);
      const place = worker.takePlace();
      if (place === null) refusedAtMs.push(performance.now() - startedMs);
      else {
        placed += 1;
        // As long as a job of the queue, and there is always another.
        place.run(() => delay(JOB_MS));
      }
      await delay(2);
    }
    const tookMs = performance.now() - startedMs;
    assert.ok(refusedAtMs.length > 0 && placed > 0);
    assert.ok(tookMs < 4 * JOB_MS * Math.ceil(ids.length / CONCURRENCY), `the queue took ${tookMs} ms`);
    await delay(600);
    const place = worker.takePlace();
    assert.notEqual(place, null, 'the queue is empty again');
    place?.giveBack();
  });
});
