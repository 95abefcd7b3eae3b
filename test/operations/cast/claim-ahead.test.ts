import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClaimAhead } from '../../../src/casts/claim-ahead.js';
import { Slots } from '../../../src/casts/slots.js';

describe('how many casts a worker takes in hand', () => {
  it('two for each sandbox until casts are known to be short, then up to 24', () => {
    const ahead = new ClaimAhead(2);
    assert.equal(ahead.castsInHand, 4);
    for (let i = 0; i < 200; i++) ahead.observe(0);
    assert.equal(ahead.castsInHand, 48);
  });

  it('nearly as many after one that waited for a processor', () => {
    const ahead = new ClaimAhead(2);
    for (let i = 0; i < 200; i++) ahead.observe(0.5);
    ahead.observe(8);
    assert.equal(ahead.castsInHand, 2 * 19);
    assert.equal(ahead.ownCastsInHand, 2 * 46);
  });

  it('few again after one long cast', () => {
    const ahead = new ClaimAhead(2);
    for (let i = 0; i < 200; i++) ahead.observe(0);
    ahead.observe(1_000);
    assert.equal(ahead.castsInHand, 4);
  });
});

describe('the slots of a worker', () => {
  const never = new AbortController().signal;

  it('are given in the order in which casts came', async () => {
    const slots = new Slots(1);
    const order: number[] = [];
    const casts = [1, 2, 3].map(async (number) => {
      assert.equal(await slots.take(never), true);
      order.push(number);
      slots.giveBack();
    });
    await Promise.all(casts);
    assert.deepEqual(order, [1, 2, 3]);
    assert.equal(slots.waiting, 0);
  });

  it('a cast that is cancelled while it waits gets none and keeps none', async () => {
    const slots = new Slots(1);
    assert.equal(await slots.take(never), true);
    const cancel = new AbortController();
    const waiting = slots.take(cancel.signal);
    const next = slots.take(never);
    cancel.abort();
    assert.equal(await waiting, false);
    slots.giveBack();
    assert.equal(await next, true);
    assert.equal(await slots.take(AbortSignal.abort()), false);
  });
});
