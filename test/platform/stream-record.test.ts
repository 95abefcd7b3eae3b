import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  fromMessage,
  fromRecord,
  isMessageOf,
  toMessage,
  toRecords,
  type StreamEntry,
} from '../../src/platform/stream-record.js';

const entry = (place: number, body: Buffer | null): StreamEntry => ({
  id: `1-${place}`,
  head: { place },
  body,
});
/** As Redis would answer it. */
const stored = ({ id, head, body }: ReturnType<typeof toRecords>[number]): [Buffer, Buffer[]] => [
  Buffer.from(id),
  [Buffer.from('h'), Buffer.from(head), ...(body === null ? [] : [Buffer.from('b'), body])],
];

describe('records of a stream', () => {
  it('entries that were appended together are one record and come apart again', () => {
    const entries = [
      entry(1, null),
      entry(2, Buffer.from('ab')),
      entry(3, Buffer.alloc(0)),
      entry(4, Buffer.from([255])),
    ];
    const records = toRecords(entries);
    assert.equal(records.length, 1);
    assert.equal(
      records[0]?.id,
      '1-4',
      'the id of the last, so that Redis refuses the whole when any is not new',
    );
    assert.deepEqual(records.map(stored).flatMap(fromRecord), entries);
  });

  it('a record stays small: 64 KiB of bodies, 64 entries', () => {
    const large = Array.from({ length: 5 }, (_, index) => entry(index + 1, Buffer.alloc(30 * 1024, index)));
    assert.deepEqual(
      toRecords(large).map(({ id }) => id),
      ['1-2', '1-4', '1-5'],
    );
    const many = Array.from({ length: 130 }, (_, index) => entry(index + 1, null));
    assert.deepEqual(
      toRecords(many).map(({ id }) => id),
      ['1-64', '1-128', '1-130'],
    );
    assert.deepEqual(toRecords(large).map(stored).flatMap(fromRecord), large);
  });

  it('a message carries what is small and names what is large', () => {
    const small = { name: 'small', entries: [entry(1, Buffer.from('x')), entry(2, null)] };
    const large = { name: 'large', entries: [entry(1, Buffer.alloc(5_000))] };
    const other = { name: 'other', entries: [entry(1, null)] };
    const message = toMessage('writer', [small, large, other]);
    const told = fromMessage(message, (name) => name !== 'other');
    assert.deepEqual(told, [small, { name: 'large', entries: null }]);
    assert.ok(isMessageOf('writer', message));
    assert.ok(!isMessageOf('write', message) && !isMessageOf('another', message));
  });
});
