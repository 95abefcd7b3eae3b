import { sha256 } from '../platform/index.js';
import { declaredLimits, readPackage } from '../provenance/index.js';
import { RUN_LIMITS } from '../limits/index.js';
import type { CastLimits } from './cast.js';
import type { ReceiptContent } from './receipt.js';
import { runTerms, type RunTerms } from './run-terms.js';
import type { ReceiptCheck } from './verify-receipt.js';

/** Is this the package that was cast, and does it say what the receipt says it does? */
export async function verifyReceiptPackage(content: ReceiptContent, tar: Uint8Array): Promise<ReceiptCheck> {
  const name = 'package';
  const digest = sha256(tar);
  if (digest !== content.spell.packageDigest)
    return { name, ok: false, detail: `${digest} was given, ${content.spell.packageDigest} was cast` };
  const read = await readPackage(tar);
  if (!read.ok) {
    const [problem] = read.problems;
    return { name, ok: false, detail: `it is no package: ${problem?.path}: ${problem?.reason}` };
  }
  const { manifest, wasm } = read.package;
  const { meteredDigest, costTable } = content.spell;
  const terms = runTerms(
    // How the module was rewritten is what a replay shows; here it is taken from the receipt.
    {
      manifest,
      packageDigest: digest,
      moduleDigest: sha256(wasm),
      preparedDigest: meteredDigest as RunDigest,
      costTable,
    },
    { id: content.castId, inputDigest: content.input.digest as RunDigest, limits: limitsOf(content) },
  );
  const differing = differences(content, terms);
  if (differing.length > 0)
    return { name, ok: false, detail: `the package says otherwise of ${differing.join(', ')}` };
  const declared = declaredLimits(manifest);
  const raised = RUN_LIMITS.filter(({ key }) => BigInt(content.run.limits[key]) > BigInt(declared[key]));
  if (raised.length > 0)
    return {
      name,
      ok: false,
      detail: `${raised.map(({ key }) => key).join(', ')} above what the package declares`,
    };
  return { name, ok: true, detail: `${manifest.spell.key}@${manifest.spell.version}, ${digest}` };
}

type RunDigest = RunTerms['spell']['meteredDigest'];

/** All limits of the receipt, as if the request had named each of them. */
function limitsOf({ run }: ReceiptContent): CastLimits {
  const { maxFuel, timeoutMs, maxMemoryBytes, maxOutputBytes, ...lowered } = run.limits;
  return { timeoutMs, maxMemoryBytes, maxOutputBytes, maxFuel: BigInt(maxFuel), lowered };
}

/** Which members of the receipt are not as they follow from the package. */
function differences(content: ReceiptContent, terms: RunTerms): string[] {
  const claimed: Record<string, unknown> = {
    ...content.spell,
    ...content.run,
    ...content.price.pricing,
    limits: null,
  };
  const derived: Record<string, unknown> = { ...terms.spell, ...terms.run, ...terms.pricing, limits: null };
  return Object.keys(derived).filter((member) => derived[member] !== claimed[member]);
}
