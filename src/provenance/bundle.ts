import { bundleFromJSON, bundleToJSON, type Bundle, type Envelope } from '@sigstore/bundle';
import { z } from 'zod';
import { MAX_BUNDLE_BYTES } from './limits.js';
import { errorText, type PackageProblem } from './package-problem.js';
import { decodeUtf8, jsonFault } from './parse-document.js';

const PATH = 'bundle';
const DIGEST = /^sha256:([0-9a-f]{64})$/;
const IN_TOTO_PAYLOAD = 'application/vnd.in-toto+json';

/** What is said about every bundle until the trust root is checked too, so that nobody takes it for more. */
const SIGNER_NOT_VERIFIED = 'signature present, signer not verified in this release';

/** An in-toto statement, version 0.1 or 1: what was signed (`subject`) and what is said about it. */
const statementSchema = z.looseObject({
  _type: z.string().regex(/^https:\/\/in-toto\.io\/Statement\/v(?:0\.1|1)$/, 'is not an in-toto statement'),
  subject: z.array(z.looseObject({ digest: z.record(z.string(), z.string()) })).min(1),
});

export type CheckedBundle =
  | { ok: true; kind: 'message-signature' | 'dsse'; warnings: string[] }
  | { ok: false; problems: PackageProblem[] };

/**
 * Whether a Sigstore bundle is about this package. Sigstore's own verifier proves that the signature fits the
 * statement, but it does not compare the statement with the file: a bundle of another package would pass.
 */
export function checkBundle(bundle: unknown, packageDigest: string): CheckedBundle {
  try {
    const expected = DIGEST.exec(packageDigest)?.[1];
    if (expected === undefined) throw new Error('the package digest must be sha256:<hex>');
    const parsed = parseBundle(bundle);
    const { content } = parsed;
    const isDsse = content.$case === 'dsseEnvelope';
    const signed = isDsse ? subjectDigests(content.dsseEnvelope) : messageDigests(parsed);
    if (!signed.includes(expected)) throw new Error(`signs ${named(signed)}, not this ${packageDigest}`);
    return { ok: true, kind: isDsse ? 'dsse' : 'message-signature', warnings: bundleWarnings(parsed) };
  } catch (error) {
    return { ok: false, problems: [{ path: PATH, reason: errorText(error) }] };
  }
}

function parseBundle(bundle: unknown): Bundle {
  const fault = jsonFault(PATH, bundle);
  if (fault !== null) throw new Error(fault.reason);
  const text = JSON.stringify(bundle) ?? '';
  if (text.length > MAX_BUNDLE_BYTES) throw new Error(`larger than ${MAX_BUNDLE_BYTES} bytes`);
  try {
    return bundleFromJSON(bundle);
  } catch (error) {
    throw new Error(`is not a Sigstore bundle: ${errorText(error)}`, { cause: error });
  }
}

function messageDigests(bundle: Bundle): string[] {
  // In the JSON form the algorithm is a name instead of a number.
  const digest = bundleToJSON(bundle).messageSignature?.messageDigest;
  const algorithm = digest?.algorithm ?? 'missing';
  if (digest === undefined || algorithm !== 'SHA2_256')
    throw new Error(`signs a ${algorithm} digest, not SHA2_256`);
  return [Buffer.from(digest.digest, 'base64').toString('hex')];
}

function subjectDigests(envelope: Envelope): string[] {
  if (envelope.payloadType !== IN_TOTO_PAYLOAD) throw new Error(`the payload is not ${IN_TOTO_PAYLOAD}`);
  const statement = statementSchema.safeParse(JSON.parse(decodeUtf8(envelope.payload)));
  if (!statement.success) throw new Error(`the signed statement: ${statement.error.issues[0]?.message}`);
  return statement.data.subject.flatMap(({ digest }) => digest['sha256'] ?? []);
}

function named(digests: readonly string[]): string {
  if (digests.length === 0) return 'nothing with a sha256 digest';
  return digests.map((hex) => `sha256:${hex}`).join(', ');
}

function bundleWarnings(bundle: Bundle): string[] {
  if (bundle.verificationMaterial.tlogEntries.length > 0) return [SIGNER_NOT_VERIFIED];
  return [SIGNER_NOT_VERIFIED, 'the signature is in no transparency log'];
}
