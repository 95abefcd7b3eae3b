import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Coalescer } from '../../src/platform/index.js';

const NUMBERS = Array.from({ length: 10 }, (_, index) => index);

/** Doubles numbers, in groups by their tens; -1 is a bad item, -2 ends the connection. */
function startDoubler(
  options: { itemsMax?: number; batchesMax?: number; waitingMax?: number; waitingPerGroupMax?: number } = {},
) {
  const batches: number[][] = [];
  const blocked = new Map<string, number>();
  const groupOf = (item: number) => String(Math.max(0, Math.floor(item / 10)));
  let running = 0;
  let runningMost = 0;
  const coalescer = new Coalescer<number, number>({
    itemsMax: options.itemsMax ?? 4,
    bytesMax: 100,
    bytesOf: (item) => item,
    batchesMax: options.batchesMax ?? 1,
    waitingMax: options.waitingMax ?? 1_000,
    ...(options.waitingPerGroupMax && { waitingPerGroupMax: options.waitingPerGroupMax }),
    groupOf,
    isItemsFault: (error) => (error as Error).message === 'bad item',
    isLostRace: (error) => (error as Error).message === 'in the way',
    runBatch: async (items) => {
      batches.push(items);
      running += 1;
      runningMost = Math.max(runningMost, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      for (const group of new Set(items.map(groupOf))) {
        const times = blocked.get(group) ?? 0;
        blocked.set(group, times - 1);
        if (times > 0) throw new Error('in the way');
      }
      if (items.includes(-1)) throw new Error('bad item');
      if (items.includes(-2)) throw new Error('connection lost');
      return items.map((item) => item * 2);
    },
  });
  const block = (group: string, times: number) => blocked.set(group, times);
  return { coalescer, batches, block, most: () => runningMost };
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

  it('a bad item among many is found by halves', async () => {
    const { coalescer, batches } = startDoubler({ itemsMax: 128 });
    const items = Array.from({ length: 128 }, (_, index) => (index === 77 ? -1 : 0));
    const answers = await Promise.allSettled(items.map((item) => coalescer.submit(item)));
    assert.deepEqual(
      answers.flatMap(({ status }, index) => (status === 'rejected' ? [index] : [])),
      [77],
    );
    assert.ok(batches.length <= 15, `${batches.length} batches`);
  });

  it('halves are not tried any more once the connection is lost', async () => {
    const { coalescer, batches } = startDoubler();
    const answers = await Promise.allSettled([-2, 1, -1, 3].map((item) => coalescer.submit(item)));
    assert.equal(answers.filter(({ status }) => status === 'rejected').length, 4);
    assert.deepEqual(batches, [
      [-2, 1, -1, 3],
      [-2, 1],
    ]);
  });

  it('groups take turns, and one that has too many waiting is sent away alone', async () => {
    const { coalescer, batches } = startDoubler({ waitingPerGroupMax: 6 });
    const many = Array.from({ length: 8 }, (_, index) => coalescer.submit(10 + index));
    const few = [20, 21].map((item) => coalescer.submit(item));
    const answers = await Promise.allSettled([...many, ...few]);
    assert.equal(answers.filter(({ status }) => status === 'rejected').length, 2);
    assert.deepEqual(batches[0], [10, 20, 11, 21]);
  });

  it('thousands that wait keep their order', async () => {
    const batches: number[][] = [];
    const coalescer = new Coalescer<number, number>({
      ...{ itemsMax: 700, bytesMax: Infinity, bytesOf: () => 0, batchesMax: 1, waitingMax: 10_000 },
      isItemsFault: () => false,
      runBatch: (items) => Promise.resolve((batches.push(items), items)),
    });
    const items = Array.from({ length: 5_000 }, (_, index) => index);
    assert.deepEqual(await Promise.all(items.map((item) => coalescer.submit(item))), items);
    assert.deepEqual(batches.flat(), items);
  });

  it('a group that loses a race waits apart and nobody waits for it; it is tried again, then told', async () => {
    const { coalescer, batches, block } = startDoubler();
    block('1', 3);
    const answers = await Promise.all([10, 11, 20, 30].map((item) => coalescer.submit(item)));
    assert.deepEqual(answers, [20, 22, 40, 60]);
    assert.deepEqual(batches.slice(0, 4), [[10, 20, 30, 11], [10, 11], [20], [30]]);
    block('1', Infinity);
    const blocked = assert.rejects(coalescer.submit(10), /in the way/);
    const startedMs = performance.now();
    while (performance.now() - startedMs < 200) assert.equal(await coalescer.submit(20), 40);
    await blocked;
    block('1', 0);
    assert.equal(await coalescer.submit(10), 20);
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
