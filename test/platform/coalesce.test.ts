import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Coalescer } from '../../src/platform/index.js';

const NUMBERS = Array.from({ length: 10 }, (_, index) => index);

/** Doubles numbers; -1 is a bad item, -2 ends the connection. */
function startDoubler(options: { itemsMax?: number; batchesMax?: number; waitingMax?: number } = {}) {
  const batches: number[][] = [];
  let running = 0;
  let runningMost = 0;
  const coalescer = new Coalescer<number, number>({
    itemsMax: options.itemsMax ?? 4,
    bytesMax: 100,
    bytesOf: (item) => item,
    batchesMax: options.batchesMax ?? 1,
    waitingMax: options.waitingMax ?? 1_000,
    isItemsFault: (error) => (error as Error).message === 'bad item',
    runBatch: async (items) => {
      batches.push(items);
      running += 1;
      runningMost = Math.max(runningMost, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      if (items.includes(-1)) throw new Error('bad item');
      if (items.includes(-2)) throw new Error('connection lost');
      return items.map((item) => item * 2);
    },
  });
  return { coalescer, batches, most: () => runningMost };
}

describe('coalescer', () => {
  it('callers of the same moment share batches of at most itemsMax, and each gets its own answer', async () => {
    const { coalescer, batches } = startDoubler();
    const answers = await Promise.all(NUMBERS.map((number) => coalescer.submit(number)));
    assert.deepEqual(
      answers,
      NUMBERS.map((number) => number * 2),
    );
    assert.deepEqual(
      batches.map((batch) => batch.length),
      [4, 4, 2],
    );
  });

  it('a caller alone leaves at once, in a batch of its own', async () => {
    const { coalescer, batches } = startDoubler();
    assert.equal(await coalescer.submit(7), 14);
    assert.equal(await coalescer.submit(8), 16);
    assert.deepEqual(batches, [[7], [8]]);
  });

  it('one bad item fails alone', async () => {
    const { coalescer } = startDoubler();
    const answers = await Promise.allSettled([1, -1, 3].map((number) => coalescer.submit(number)));
    assert.deepEqual(
      answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : 'failed')),
      [2, 'failed', 6],
    );
  });

  it('an error that leaves open what was done is everybody’s, and nothing is tried twice', async () => {
    const { coalescer, batches } = startDoubler();
    const answers = await Promise.allSettled([1, -2, 3].map((number) => coalescer.submit(number)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set(['rejected']));
    assert.equal(batches.length, 1);
    assert.equal(await coalescer.submit(4), 8);
  });

  it('a batch is bounded in bytes, but a single large item goes', async () => {
    const { coalescer, batches } = startDoubler();
    await Promise.all([60, 50, 40, 500, 1].map((number) => coalescer.submit(number)));
    assert.deepEqual(batches, [[60], [50, 40], [500], [1]]);
  });

  it('so many batches at once and no more', async () => {
    const { coalescer, most } = startDoubler({ itemsMax: 1, batchesMax: 3 });
    await Promise.all(NUMBERS.map((number) => coalescer.submit(number)));
    assert.equal(most(), 3);
  });

  it('beyond waitingMax callers are sent away', async () => {
    const { coalescer } = startDoubler({ waitingMax: 3 });
    const answers = await Promise.allSettled(NUMBERS.map((number) => coalescer.submit(number)));
    assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 3);
    for (const answer of answers)
      if (answer.status === 'rejected') assert.equal((answer.reason as { code: string }).code, 'UNAVAILABLE');
  });

  it('an answer too few is an error for all, not a wrong answer for one', async () => {
    const coalescer = new Coalescer<number, number>({
      itemsMax: 10,
      bytesMax: 100,
      bytesOf: () => 0,
      batchesMax: 1,
      waitingMax: 10,
      isItemsFault: () => false,
      runBatch: (items) => Promise.resolve(items.slice(1)),
    });
    const answers = await Promise.allSettled([1, 2].map((number) => coalescer.submit(number)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
  });
});
