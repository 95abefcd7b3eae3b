import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CastEntity } from '../../../src/casts/cast.entity.js';
import { streamName, toStreamEntry } from '../../../src/casts/cast-events.js';
import { FreshCasts } from '../../../src/casts/fresh-casts.js';
import { EventStreams, PubSub, connectRedis, createLogger } from '../../../src/platform/index.js';
import { redisUrl } from '../../support/databases.js';

const prefix = `test-${randomBytes(6).toString('hex')}`;
const logger = createLogger({ level: 'fatal', name: 'test' });

/** The streams of a process of its own. */
function openStreams(): EventStreams {
  const [redis, subscriber] = [1, 2].map(() => connectRedis(redisUrl(), logger, 'test'));
  if (redis === undefined || subscriber === undefined) throw new Error('no Redis');
  after(() => {
    redis.disconnect();
    subscriber.disconnect();
  });
  return new EventStreams({ redis, pubsub: new PubSub({ publisher: redis, subscriber, prefix }), prefix });
}

const entry = (sequence: number) =>
  toStreamEntry({ type: 'started', cursor: `1-${sequence}`, sequence, attempt: 1, at: new Date() });
const castOf = (accountId: string) => ({ id: randomUUID(), accountId }) as CastEntity;

describe('a cast that was listened to before it was accepted', () => {
  const here = openStreams();
  const elsewhere = openStreams();
  const fresh = new FreshCasts({ streams: here });
  after(() => fresh.stop());

  const keep = (cast: CastEntity) => {
    const listening = fresh.listen(cast.id);
    assert.ok(listening !== null, 'the channel is open');
    fresh.keep(cast, listening);
  };

  it('nobody listens while the channel is not open: something could go unheard', async () => {
    assert.equal(fresh.listen(randomUUID()), null);
    await here.listen('any', () => undefined).ready;
  });

  it('has nothing missing, whichever process wrote it, and each event once', async () => {
    const cast = castOf('one');
    keep(cast);
    await here.append(streamName(cast.id), [entry(2)], 60_000);
    await elsewhere.append(streamName(cast.id), [entry(3)], 60_000);
    await delay(100);
    await here.tell(streamName(cast.id), entry(4), null);
    await delay(100);
    const { tail } = fresh.take('one', cast.id) ?? {};
    assert.deepEqual(
      tail?.takeAfter(1)?.map(({ sequence }) => sequence),
      [2, 3, 4],
    );
  });

  it('an entry that Redis refused from a replaced writer is not heard', async () => {
    const cast = castOf('one');
    keep(cast);
    await elsewhere.append(streamName(cast.id), [{ ...entry(2), id: '2-1' }], 60_000);
    assert.deepEqual(await here.append(streamName(cast.id), [entry(3)], 60_000), { refused: 1 });
    await delay(100);
    const { tail } = fresh.take('one', cast.id) ?? {};
    assert.deepEqual(
      tail?.takeAfter(1)?.map(({ sequence }) => sequence),
      [2],
    );
  });

  it('is for its own account, and for the first who asks', () => {
    const cast = castOf('one');
    keep(cast);
    assert.equal(fresh.take('two', cast.id), null);
    assert.equal(fresh.take('one', cast.id)?.cast, cast);
    assert.equal(fresh.take('one', cast.id), null);
  });

  it('is forgotten after a moment, and when very many came after it', async () => {
    const first = castOf('one');
    keep(first);
    for (let count = 0; count < 2_000; count += 1) keep(castOf('one'));
    assert.equal(fresh.take('one', first.id), null);
    const last = castOf('one');
    keep(last);
    await delay(2_500);
    assert.equal(fresh.take('one', last.id), null);
  });
});
