import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBundle, sha256Digest } from '../../src/provenance/index.js';
import { lines } from './support.js';

const DIGEST = sha256Digest(Buffer.from('package'));
const OTHER = sha256Digest(Buffer.from('another package'));

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
const hexOf = (digest: string) => digest.slice('sha256:'.length);

const VERIFICATION = {
  certificate: { rawBytes: base64('certificate') },
  tlogEntries: [
    {
      logIndex: '1',
      logId: { keyId: base64('log') },
      kindVersion: { kind: 'hashedrekord', version: '0.0.1' },
      integratedTime: '1',
      inclusionPromise: { signedEntryTimestamp: base64('promise') },
      inclusionProof: {
        logIndex: '1',
        rootHash: base64('root'),
        treeSize: '2',
        hashes: [],
        checkpoint: { envelope: 'checkpoint' },
      },
      canonicalizedBody: base64('body'),
    },
  ],
};

function messageBundle(
  digest: string,
  algorithm = 'SHA2_256',
  verificationMaterial: object = VERIFICATION,
): object {
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial,
    messageSignature: {
      messageDigest: { algorithm, digest: base64(Buffer.from(hexOf(digest), 'hex')) },
      signature: base64('signature'),
    },
  };
}

function dsseBundle(statement: unknown, payloadType = 'application/vnd.in-toto+json'): object {
  const payload = base64(typeof statement === 'string' ? statement : JSON.stringify(statement));
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: VERIFICATION,
    dsseEnvelope: { payload, payloadType, signatures: [{ sig: base64('signature'), keyid: '' }] },
  };
}

const statementOf = (...digests: string[]) => ({
  _type: 'https://in-toto.io/Statement/v1',
  subject: digests.map((digest) => ({ name: 'spell.tar', digest: { sha256: hexOf(digest) } })),
  predicateType: 'https://slsa.dev/provenance/v1',
  predicate: {},
});

const WARNING = 'signature present, signer not verified in this release';

function reasonOf(bundle: unknown): string {
  const checked = checkBundle(bundle, DIGEST);
  assert.ok(!checked.ok);
  return lines(checked.problems).join('\n');
}

test('a message signature over this package is accepted, and says what was not verified', () => {
  assert.deepEqual(checkBundle(messageBundle(DIGEST), DIGEST), {
    ok: true,
    kind: 'message-signature',
    warnings: [WARNING],
  });
});

test('an attestation that names this package is accepted, alone or among others', () => {
  const expected = { ok: true, kind: 'dsse', warnings: [WARNING] };
  assert.deepEqual(checkBundle(dsseBundle(statementOf(DIGEST)), DIGEST), expected);
  assert.deepEqual(checkBundle(dsseBundle(statementOf(OTHER, DIGEST)), DIGEST), expected);
  const older = { ...statementOf(DIGEST), _type: 'https://in-toto.io/Statement/v0.1' };
  assert.deepEqual(checkBundle(dsseBundle(older), DIGEST), expected);
});

test('a bundle of another package is refused', () => {
  assert.match(reasonOf(messageBundle(OTHER)), /^bundle: signs sha256:[0-9a-f]{64}, not this sha256:/);
  assert.match(
    reasonOf(dsseBundle(statementOf(OTHER))),
    /^bundle: signs sha256:[0-9a-f]{64}, not this sha256:/,
  );
});

test('only sha256 counts', () => {
  assert.match(reasonOf(messageBundle(DIGEST, 'SHA2_512')), /SHA2_512 digest/);
  const statement = { ...statementOf(), subject: [{ name: 'x', digest: { sha512: hexOf(DIGEST) } }] };
  assert.match(reasonOf(dsseBundle(statement)), /nothing with a sha256 digest/);
});

test('a signature in no log is said to be so', () => {
  const checked = checkBundle(
    messageBundle(DIGEST, 'SHA2_256', { ...VERIFICATION, tlogEntries: [] }),
    DIGEST,
  );
  assert.deepEqual(checked.ok && checked.warnings, [WARNING, 'the signature is in no transparency log']);
});

test('what is no bundle is refused with a reason', () => {
  for (const bundle of [
    null,
    undefined,
    1,
    'x',
    [],
    {},
    { mediaType: 'x' },
    { ...messageBundle(DIGEST), mediaType: 'text/plain' },
  ]) {
    assert.match(reasonOf(bundle), /^bundle: is not a Sigstore bundle/);
  }
  assert.match(reasonOf({ ...messageBundle(DIGEST), note: 'x'.repeat(2 ** 20) }), /larger than/);
});

test('a payload that is no statement is refused with a reason', () => {
  assert.match(reasonOf(dsseBundle(statementOf(DIGEST), 'text/plain')), /the payload is not application/);
  for (const statement of [
    '{',
    '[]',
    '{}',
    { ...statementOf(DIGEST), _type: 'x' },
    { ...statementOf(), subject: [] },
  ]) {
    assert.match(reasonOf(dsseBundle(statement)), /^bundle: /);
  }
});

test('a bundle damaged anywhere never throws', () => {
  const text = JSON.stringify(dsseBundle(statementOf(DIGEST)));
  for (let offset = 0; offset < text.length; offset += 1) {
    const damaged = `${text.slice(0, offset)}0${text.slice(offset + 1)}`;
    let bundle: unknown;
    try {
      bundle = JSON.parse(damaged);
    } catch {
      continue;
    }
    assert.equal(typeof checkBundle(bundle, DIGEST).ok, 'boolean');
  }
});

test('a package digest that is none is refused', () => {
  const checked = checkBundle(messageBundle(DIGEST), hexOf(DIGEST));
  assert.ok(!checked.ok);
});
