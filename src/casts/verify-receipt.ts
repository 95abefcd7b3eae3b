import { verify } from 'node:crypto';
import {
  canonicalJson,
  commitTo,
  hashLeaf,
  openCheckpoint,
  parseLeaf,
  parseVerifierKey,
  verifyInclusion,
  type NoteVerifier,
} from '../ledger/offline.js';
import { priceMicros } from '../spells/offline.js';
import { chargeMicros } from './charge.js';
import { RECEIPT_FACT, type Receipt } from './receipt.js';

/** One thing that a receipt claims, and whether it holds. */
export interface ReceiptCheck {
  name: string;
  ok: boolean;
  /** What was found, or why it does not hold. */
  detail: string;
}

// The times are of several machines' clocks, kept by NTP.
const CLOCKS_APART_MAX_MS = 60_000;

type Finding = { ok: true; detail: string } | { ok: false; detail: string };

/**
 * Checks all that can be checked with nothing but the receipt and the keys that are believed: every one on its own, the
 * cheap ones first. The receipt holds when every check does.
 */
export function* verifyReceipt(receipt: Receipt, trusted: readonly NoteVerifier[]): Generator<ReceiptCheck> {
  // The log's own keys carry its name; a key that is believed for one log says nothing of another.
  const keys = trusted.filter((key) => key.name === receipt.ledger.origin);
  yield { name: 'commitment', ...checkCommitment(receipt) };
  yield { name: 'leaf', ...checkLeaf(receipt) };
  yield { name: 'coherence', ...checkCoherence(receipt) };
  yield { name: 'price', ...checkPrice(receipt) };
  yield { name: 'signature', ...checkSignature(receipt, keys) };
  yield { name: 'inclusion', ...checkInclusion(receipt, keys) };
}

/** The keys that a receipt brings along; throws when one is none. */
export function keysIn({ keys }: Receipt): NoteVerifier[] {
  return keys.map(parseVerifierKey);
}

function checkCommitment({ content, ledger }: Receipt): Finding {
  const { salt, accountId, subject } = ledger.opening;
  const leaf = parseLeaf(ledger.leaf);
  if (leaf === null) return fails('the leaf is no entry of a ledger');
  if (subject !== content.castId)
    return fails(`the entry is about ${subject}, the content about ${content.castId}`);
  if (!isCanonicalBase64(salt)) return fails('the salt is not written in its one way');
  const committed = commitTo(Buffer.from(salt, 'base64'), canonicalJson({ accountId, subject, content }));
  if (committed !== leaf.commitment) return fails('the content is not what the entry commits to');
  return holds('the entry commits to this content and to no other');
}

function checkLeaf({ content, ledger }: Receipt): Finding {
  const leaf = parseLeaf(ledger.leaf);
  if (leaf === null) return fails('it is no entry of a ledger');
  if (leaf.sequence !== ledger.sequence) return fails(`it is entry ${leaf.sequence}, not ${ledger.sequence}`);
  if (leaf.kind !== RECEIPT_FACT) return fails(`it is of the kind ${leaf.kind}`);
  if (leaf.at !== content.times.finishedAt)
    return fails(`it says ${leaf.at}, the content ${content.times.finishedAt}`);
  return holds(`entry ${leaf.sequence}, ${leaf.kind}, ${leaf.at}`);
}

/** What is true of every cast, whatever it was: a content that contradicts itself says nothing. */
function checkCoherence({ content }: Receipt): Finding {
  const { ending, output, times } = content;
  const succeeded = ending.status === 'SUCCEEDED';
  if ((ending.status === 'FAILED') !== (ending.errorCode !== null))
    return fails(`it is ${ending.status} with the error code ${ending.errorCode ?? 'none'}`);
  if (succeeded !== (output !== null))
    return fails(`it is ${ending.status} ${output === null ? 'without' : 'with'} an output`);
  if (succeeded && ending.exitCode !== 0)
    return fails(`it succeeded with exit code ${ending.exitCode ?? 'none'}`);
  if (times.startedAt !== null && ending.attempts === 0) return fails('it was started in no attempt');
  const instants = [times.queuedAt, times.startedAt ?? times.queuedAt, times.finishedAt];
  if (!instants.every(isInstant)) return fails('a time is no time');
  const backwards = instants
    .map(Date.parse)
    .some((at, index, all) => at + CLOCKS_APART_MAX_MS < (all[index - 1] ?? at));
  if (backwards) return fails(`it was queued, started and finished in another order: ${instants.join(', ')}`);
  return holds(`${ending.status}, queued ${times.queuedAt}, finished ${times.finishedAt}`);
}

/** The thirteenth month has the form of a time and is none. */
function isInstant(text: string): boolean {
  const date = new Date(text);
  return !Number.isNaN(date.getTime()) && date.toISOString() === text;
}

function checkPrice({ content }: Receipt): Finding {
  const { pricing, heldMicros, costMicros } = content.price;
  const { status, errorCode, fuelUsed } = content.ending;
  const maxFuel = BigInt(content.run.limits.maxFuel);
  const fuel = fuelUsed === null ? null : BigInt(fuelUsed);
  const terms = {
    model: pricing.model,
    price_micros: pricing.priceMicros,
    micros_per_gigafuel: pricing.microsPerGigafuel,
  };
  if (fuel !== null && fuel > maxFuel) return fails(`${fuel} fuel is more than the ${maxFuel} it could use`);
  const error = errorCode === null ? null : { code: errorCode };
  const cost = chargeMicros(terms, maxFuel, { status, error }, fuel);
  if (cost !== BigInt(costMicros)) return fails(`it comes to ${cost} micros, and ${costMicros} were charged`);
  const held = priceMicros(terms, maxFuel);
  if (held !== BigInt(heldMicros))
    return fails(`the most it could cost is ${held} micros, and ${heldMicros} were held`);
  return holds(`${costMicros} micros: ${explainPrice(content)}; ${heldMicros} were held`);
}

function explainPrice({ price, ending }: Receipt['content']): string {
  const { model, priceMicros: each, microsPerGigafuel } = price.pricing;
  const fuel = ending.fuelUsed ?? 'unknown';
  if (model !== 'metered') return `${model}, ${ending.status}`;
  return `${each} + ${microsPerGigafuel} for each 10⁹ fuel, ${fuel} used, ${ending.status}`;
}

function checkSignature(receipt: Receipt, keys: readonly NoteVerifier[]): Finding {
  const { signature, ...unsigned } = receipt;
  const key = keys.find(({ keyId }) => keyId.toString('hex') === signature.keyId);
  if (key === undefined)
    return fails(`no key that is believed for ${receipt.ledger.origin} has the id ${signature.keyId}`);
  if (!isCanonicalBase64(signature.value)) return fails('it is not written in its one way');
  const signed = Buffer.from(canonicalJson(unsigned));
  if (!verify(null, signed, key.key, Buffer.from(signature.value, 'base64')))
    return fails('it is not of this receipt');
  return holds(`by ${key.name}, key ${signature.keyId}`);
}

/** From the leaf over the proof to the root that a checkpoint has, which a key that is believed has signed. */
function checkInclusion({ ledger }: Receipt, keys: readonly NoteVerifier[]): Finding {
  const { origin, sequence, inclusionProof, checkpoint } = ledger;
  const opened = openCheckpoint(checkpoint, origin, keys);
  if (!opened.ok) return fails(`the checkpoint: ${opened.reason}`);
  const { size, root } = opened.checkpoint;
  if (size !== inclusionProof.treeSize)
    return fails(`the proof is for a tree of ${inclusionProof.treeSize} entries, the checkpoint has ${size}`);
  if (!inclusionProof.hashes.every(isCanonicalBase64)) return fails('a hash is not written in its one way');
  const verdict = verifyInclusion({
    leafHash: hashLeaf(Buffer.from(ledger.leaf)),
    sequence,
    treeSize: size,
    proof: inclusionProof.hashes.map((hash) => Buffer.from(hash, 'base64')),
    rootHash: root,
  });
  if (!verdict.ok) return fails(verdict.reason);
  return holds(`entry ${sequence} of ${size}, under a checkpoint signed by ${origin}`);
}

/** Base64 has bits that mean nothing; only zeros are taken there. */
function isCanonicalBase64(text: string): boolean {
  return Buffer.from(text, 'base64').toString('base64') === text;
}

function holds(detail: string): Finding {
  return { ok: true, detail };
}

function fails(detail: string): Finding {
  return { ok: false, detail };
}
