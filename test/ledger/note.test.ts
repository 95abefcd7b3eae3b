import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openCheckpoint, parseCheckpointText, writeCheckpoint } from '../../src/ledger/note/checkpoint.js';
import {
  formatVerifierKey,
  noteSigner,
  noteVerifier,
  parseVerifierKey,
} from '../../src/ledger/note/note-key.js';
import { parseNote, signNote, verifyNote } from '../../src/ledger/note/signed-note.js';

// From golang.org/x/mod/sumdb/note, the format's first implementation.
const GO_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const GO_NOTE = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;
const ORIGIN = 'ledger.test';
const signer = noteSigner(ORIGIN, Buffer.alloc(32, 7));
const other = noteSigner(ORIGIN, Buffer.alloc(32, 8));
const root = Buffer.alloc(32, 9);

describe('signed notes and checkpoints', () => {
  it('a note of another implementation is accepted, and so are its keys', () => {
    const verifier = parseVerifierKey(GO_KEY);
    const note = parseNote(GO_NOTE);
    assert.ok(note);
    assert.deepEqual(verifyNote(note, [verifier]), { ok: true });
    assert.equal(formatVerifierKey(verifier), GO_KEY);
  });

  it('a checkpoint is three lines, signed by every key of the log', () => {
    const note = writeCheckpoint({ origin: ORIGIN, size: 42, root }, [signer, other]);
    const [first, second, third, fourth, ...signatures] = note.split('\n');
    assert.deepEqual([first, second, third, fourth], [ORIGIN, '42', root.toString('base64'), '']);
    assert.equal(signatures.filter((line) => line.startsWith(`— ${ORIGIN} `)).length, 2);
    for (const trusted of [[signer], [other], [other, signer]])
      assert.deepEqual(openCheckpoint(note, ORIGIN, trusted), {
        ok: true,
        checkpoint: { origin: ORIGIN, size: 42, root },
      });
  });

  it('every changed bit of a checkpoint is refused', () => {
    const note = Buffer.from(writeCheckpoint({ origin: ORIGIN, size: 70_000, root }, [signer]));
    for (let bit = 0; bit < note.length * 8; bit += 1) {
      const forged = Buffer.from(note);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(openCheckpoint(forged.toString(), ORIGIN, [signer]).ok, false, `bit ${bit}`);
      assert.equal(openCheckpoint(forged.toString('latin1'), ORIGIN, [signer]).ok, false, `bit ${bit}`);
    }
  });

  it('every cut and every doubled byte of a checkpoint is refused', () => {
    const note = writeCheckpoint({ origin: ORIGIN, size: 1, root }, [signer]);
    for (let at = 0; at < note.length; at += 1) {
      assert.equal(openCheckpoint(note.slice(0, at), ORIGIN, [signer]).ok, false, `cut at ${at}`);
      assert.equal(openCheckpoint(note.slice(at + 1), ORIGIN, [signer]).ok, false, `begun at ${at}`);
      const doubled = note.slice(0, at + 1) + note.slice(at);
      assert.equal(openCheckpoint(doubled, ORIGIN, [signer]).ok, false, `doubled at ${at}`);
    }
  });

  it('a signature of a stranger says nothing, a false one of a known key refuses the note', () => {
    const text = `${ORIGIN}\n1\n${root.toString('base64')}\n`;
    const own = signNote(text, [signer]);
    const strange = signNote(text, [other]);
    const line = strange.slice(strange.lastIndexOf('— '));
    assert.equal(openCheckpoint(strange, ORIGIN, [signer]).ok, false);
    assert.equal(openCheckpoint(strange, ORIGIN, []).ok, false);
    assert.equal(openCheckpoint(own + line, ORIGIN, [signer]).ok, true);
    // The other key's signature under the known key's name and id.
    const encoded = Buffer.from(line.trim().split(' ')[2] ?? '', 'base64');
    signer.keyId.copy(encoded);
    const forged = `— ${ORIGIN} ${encoded.toString('base64')}\n`;
    assert.equal(openCheckpoint(own + forged, ORIGIN, [signer]).ok, false);
    assert.equal(openCheckpoint(own, 'another.log', [signer]).ok, false, 'the name of another log');
  });

  it('more signatures than any log has are refused', () => {
    const text = `${ORIGIN}\n1\n${root.toString('base64')}\n`;
    const lines = (count: number) =>
      Array.from({ length: count }, (_, at) => noteSigner(`witness-${at}`, Buffer.alloc(32, at)));
    assert.equal(openCheckpoint(signNote(text, [signer, ...lines(15)]), ORIGIN, [signer]).ok, true);
    assert.equal(openCheckpoint(signNote(text, [signer, ...lines(16)]), ORIGIN, [signer]).ok, false);
  });

  it('what is no checkpoint is refused although it is signed', () => {
    const hash = root.toString('base64');
    const texts = [
      `${ORIGIN}\n`,
      `${ORIGIN}\n1\n`,
      `\n1\n${hash}\n`,
      `${ORIGIN}\n01\n${hash}\n`,
      `${ORIGIN}\n-1\n${hash}\n`,
      `${ORIGIN}\n+1\n${hash}\n`,
      `${ORIGIN}\n1.0\n${hash}\n`,
      `${ORIGIN}\n1e3\n${hash}\n`,
      `${ORIGIN}\n9007199254740992\n${hash}\n`,
      `${ORIGIN}\n18446744073709551616\n${hash}\n`,
      `${ORIGIN}\n1\n${hash.slice(0, -1)}\n`,
      `${ORIGIN}\n1\n${Buffer.alloc(31).toString('base64')}\n`,
      `${ORIGIN}\n1\n${Buffer.alloc(33).toString('base64')}\n`,
      `${ORIGIN}\n1\n\n`,
      `${ORIGIN}\n1\n${hash}\n\n`,
      `${ORIGIN}\n1\n${hash}\nextension\n\nanother\n`,
    ];
    for (const text of texts) {
      assert.equal(parseCheckpointText(text), null, JSON.stringify(text));
      assert.equal(
        openCheckpoint(signNote(text, [signer]), ORIGIN, [signer]).ok,
        false,
        JSON.stringify(text),
      );
    }
    assert.ok(parseCheckpointText(`${ORIGIN}\n0\n${hash}\n`), 'the empty log has a checkpoint');
    assert.ok(
      parseCheckpointText(`${ORIGIN}\n1\n${hash}\nextension\n`),
      'an extension line is none of our business',
    );
  });

  it('no text whatever throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        assert.equal(openCheckpoint(`${text}\n\n— ${text}`, ORIGIN, [signer]).ok, false);
        assert.throws(() => parseVerifierKey(text), TypeError);
      }),
      { numRuns: 1_000 },
    );
  });

  it('keys that are not what they say are refused', () => {
    const good = formatVerifierKey(signer);
    const [name = '', id = '', key = ''] = good.split('+', 3);
    assert.ok(parseVerifierKey(` ${good}\n`).publicKey.equals(signer.publicKey));
    for (const bad of [
      '',
      name,
      `${name}+${id}`,
      `${name}+00000000+${key}`,
      `other+${id}+${key}`,
      `${name}+${id}+AgAA`,
      `${good}AA`,
    ])
      assert.throws(() => parseVerifierKey(bad), TypeError, bad);
    for (const bad of ['', 'a b', 'a+b', 'a\nb', 'x'.repeat(201)])
      assert.throws(() => noteVerifier(bad, Buffer.alloc(32)), TypeError, bad);
    assert.throws(() => noteVerifier('name', Buffer.alloc(31)), TypeError);
  });
});
