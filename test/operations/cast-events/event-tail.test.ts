import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toStreamEntry, type CastEvent } from '../../../src/casts/cast-events.js';
import { EventTail } from '../../../src/casts/event-tail.js';

const event = (sequence: number): CastEvent => ({
  type: 'started',
  cursor: `1-${sequence}`,
  sequence,
  attempt: 1,
  at: new Date(0),
});
const heard = (...sequences: number[]) => sequences.map((sequence) => toStreamEntry(event(sequence)));
const sequencesOf = (events: CastEvent[] | null) => events?.map(({ sequence }) => sequence) ?? null;

describe('what a watcher hears of a cast', () => {
  it('nothing is handed out before somebody has read what came before', () => {
    const tail = new EventTail();
    tail.hear(heard(2));
    assert.equal(tail.takeAfter(1), null);
  });

  it('what follows is handed out in order, and what the watcher has is not', () => {
    const tail = new EventTail();
    tail.closeGap();
    tail.hear(heard(1, 2, 3));
    tail.hear(heard(4));
    assert.deepEqual(sequencesOf(tail.takeAfter(2)), [3, 4]);
    assert.deepEqual(sequencesOf(tail.takeAfter(4)), []);
  });

  it('what comes before a missing event is handed out, then the stream must be read', () => {
    const tail = new EventTail();
    tail.closeGap();
    tail.hear(heard(2, 3, 5));
    assert.deepEqual(sequencesOf(tail.takeAfter(1)), [2, 3]);
    assert.equal(tail.takeAfter(3), null);
    tail.closeGap();
    tail.hear(heard(6));
    assert.deepEqual(sequencesOf(tail.takeAfter(5)), [6]);
  });

  it('a loss, and more than anybody keeps, are gaps', () => {
    const lost = new EventTail();
    lost.closeGap();
    lost.hear(null);
    assert.equal(lost.takeAfter(1), null);
    const flooded = new EventTail();
    flooded.closeGap();
    for (let sequence = 2; sequence < 400; sequence++) flooded.hear(heard(sequence));
    assert.equal(flooded.takeAfter(1), null);
  });

  it('a ring before the wait is not missed', async () => {
    const tail = new EventTail();
    tail.hear(heard(2));
    assert.equal(await tail.wait(60_000), true);
    tail.takeAfter(1);
    assert.equal(await tail.wait(1), false);
  });
});
