import type { QueryDeepPartialEntity } from 'typeorm';
import { requireScope, type Principal } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import {
  AppError,
  badInput,
  isDigest,
  newId,
  sha256,
  type BlobStore,
  type Clock,
  type DataSource,
  type EntityManager,
  type InputProblem,
  type Logger,
  type PubSub,
} from '../platform/index.js';
import { checkBundle, declaredLimits, readPackage, type SpellPackage } from '../provenance/index.js';
import { prepareModule } from '../sandbox/index.js';
import { PACKAGE_BYTES_MAX, readUpload } from './record-upload.js';
import { priceProblems } from './price-problems.js';
import { SpellEntity, SpellVersionEntity } from './spell.entity.js';
import { SPELLS_CHANGED_CHANNEL } from './version-resolver.js';

export interface PublishSpellInput {
  packageBase64?: string | null;
  uploadDigest?: string | null;
  bundle?: unknown;
}

export interface PublishDeps {
  database: DataSource;
  blobs: BlobStore;
  clock: Clock;
  pubsub: PubSub;
  logger: Logger;
}

export interface PublishedVersion {
  version: SpellVersionEntity;
  spell: SpellEntity;
  warnings: string[];
}

/**
 * Publishes a package: reads it, checks all of it, prepares its module, keeps it for good.
 * The same bytes again are the same version; other bytes under the same version are a CONFLICT.
 */
export async function publishSpell(
  deps: PublishDeps,
  principal: Principal | null,
  input: PublishSpellInput,
): Promise<PublishedVersion> {
  const { accountId } = requireScope(principal, 'publish');
  const tar = await readInput(deps, accountId, input);
  const checked = await checkPackage(tar, input.bundle);
  const stored = await storeBlobs(deps.blobs, tar, checked);
  const published = await deps.database.transaction((manager) =>
    insertVersion(manager, deps.clock, accountId, stored),
  );
  void deps.pubsub.publish(SPELLS_CHANGED_CHANNEL, published.spell.key).catch(() => undefined);
  deps.logger.info({ spell: published.spell.key, version: published.version.version }, 'spell published');
  return { ...published, warnings: checked.warnings };
}

async function readInput(deps: PublishDeps, accountId: string, input: PublishSpellInput): Promise<Buffer> {
  const { packageBase64, uploadDigest } = input;
  if (typeof packageBase64 === 'string' && typeof uploadDigest !== 'string')
    return decodeBase64(packageBase64);
  if (typeof uploadDigest === 'string' && typeof packageBase64 !== 'string') {
    if (!isDigest(uploadDigest))
      throw badInput([{ path: 'uploadDigest', reason: 'must be sha256:<64 hex digits>' }]);
    const bytes = await readUpload(deps, accountId, uploadDigest);
    if (bytes === null) throw new AppError('NOT_FOUND', 'no upload of yours has this digest');
    return bytes;
  }
  throw badInput([{ path: 'packageBase64', reason: 'give exactly one of packageBase64 and uploadDigest' }]);
}

function decodeBase64(text: string): Buffer {
  // One class and an anchored end: nothing here can backtrack, however long the text is.
  if (/[^A-Za-z0-9+/=\s]/.test(text) || /=[^=\s]/.test(text))
    throw badInput([{ path: 'packageBase64', reason: 'is not base64' }]);
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length > PACKAGE_BYTES_MAX) {
    throw new AppError('PAYLOAD_TOO_LARGE', `a package has at most ${PACKAGE_BYTES_MAX} bytes`);
  }
  return bytes;
}

interface CheckedPackage {
  package: SpellPackage;
  prepared: Uint8Array;
  costTable: number;
  bundle: object | null;
  warnings: string[];
}

/** Every check is made before the first refusal, so that a maker sees all that is wrong at once. */
async function checkPackage(tar: Buffer, bundle: unknown): Promise<CheckedPackage> {
  const problems: InputProblem[] = [];
  const warnings: string[] = [];
  const read = await readPackage(tar);
  if (read.ok) warnings.push(...read.warnings);
  else problems.push(...read.problems);
  const wasm = read.ok ? read.package.wasm : read.wasm;
  const prepared = wasm === undefined ? null : await prepareModule(wasm);
  if (prepared !== null && !prepared.ok) problems.push(...prepared.problems);
  if (read.ok && prepared?.ok === true) problems.push(...memoryProblems(read.package, prepared));
  if (read.ok) problems.push(...priceProblems(read.package.manifest));
  if (bundle === undefined || bundle === null) {
    warnings.push('the package is not signed');
  } else {
    const verdict = checkBundle(bundle, sha256(tar));
    if (verdict.ok) warnings.push(...verdict.warnings);
    else problems.push(...verdict.problems);
  }
  if (!read.ok || prepared === null || !prepared.ok || problems.length > 0) throw rejection(problems);
  return {
    package: read.package,
    prepared: prepared.bytes,
    costTable: prepared.costTable,
    bundle: (bundle as object | undefined) ?? null,
    warnings,
  };
}

const PAGE_BYTES = 65_536;

/** A module that starts with more memory than its manifest allows could never run. */
function memoryProblems(
  { manifest }: SpellPackage,
  { initialPages, tableBytes }: { initialPages: number; tableBytes: number },
): InputProblem[] {
  const { maxMemoryBytes } = declaredLimits(manifest);
  if (initialPages * PAGE_BYTES + tableBytes <= maxMemoryBytes) return [];
  const tables = tableBytes === 0 ? '' : ` and tables of up to ${tableBytes} bytes`;
  const reason = `starts with ${initialPages} pages of 64 KiB${tables}, more than runtime.max_memory_mb allows`;
  return [{ path: 'spell.wasm/memory', reason }];
}

function rejection(problems: InputProblem[]): AppError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const text = first === undefined ? 'the package was refused' : `${first.path}: ${first.reason}${more}`;
  return new AppError('SPELL_REJECTED', text, { reasons: problems });
}

interface StoredPackage extends CheckedPackage {
  digests: Pick<SpellVersionEntity, 'packageDigest' | 'moduleDigest' | 'preparedDigest' | 'sbomDigest'>;
}

/** Blobs first, row second: a row never names bytes that are not there. Bytes without a row harm nobody. */
async function storeBlobs(blobs: BlobStore, tar: Buffer, checked: CheckedPackage): Promise<StoredPackage> {
  const [packageDigest, preparedDigest, sbomDigest] = await Promise.all([
    blobs.put(tar),
    blobs.put(checked.prepared),
    blobs.put(checked.package.sbom.bytes),
  ]);
  const moduleDigest = sha256(checked.package.wasm);
  return { ...checked, digests: { packageDigest, moduleDigest, preparedDigest, sbomDigest } };
}

async function insertVersion(
  manager: EntityManager,
  clock: Clock,
  accountId: string,
  stored: StoredPackage,
): Promise<{ spell: SpellEntity; version: SpellVersionEntity }> {
  const { manifest, inputSchema, readme, sbom } = stored.package;
  const spell = await claimKey(manager, clock, accountId, manifest.spell.key);
  const version = Object.assign(new SpellVersionEntity(), {
    id: newId(clock),
    spellId: spell.id,
    version: manifest.spell.version,
    ...stored.digests,
    costTable: stored.costTable,
    sbomMediaType: sbom.mediaType,
    manifest,
    inputSchema,
    readme,
    tags: manifest.spell.tags,
    bundle: stored.bundle,
    publishedBy: accountId,
    publishedAt: clock.now(),
    yankedAt: null,
  });
  await manager
    .createQueryBuilder()
    .insert()
    .into(SpellVersionEntity)
    .values(version as QueryDeepPartialEntity<SpellVersionEntity>)
    .orIgnore()
    .execute();
  const kept = await manager.findOneByOrFail(SpellVersionEntity, {
    spellId: spell.id,
    version: version.version,
  });
  if (kept.packageDigest !== version.packageDigest) {
    throw new AppError('CONFLICT', `${spell.key}@${version.version} is published already with other bytes`, {
      packageDigest: kept.packageDigest,
    });
  }
  // The same bytes again are the version that is there already, and no new fact.
  if (kept.id === version.id)
    await appendFact(manager, {
      accountId,
      kind: 'spell.published',
      subject: `${spell.key}@${kept.version}`,
      occurredAt: kept.publishedAt,
      content: {
        packageDigest: kept.packageDigest,
        moduleDigest: kept.moduleDigest,
        preparedDigest: kept.preparedDigest,
        sbomDigest: kept.sbomDigest,
        costTable: kept.costTable,
      },
    });
  return { spell, version: kept };
}

/** The first account to publish under a key owns it. */
async function claimKey(
  manager: EntityManager,
  clock: Clock,
  accountId: string,
  key: string,
): Promise<SpellEntity> {
  const values = { id: newId(clock), key, accountId, createdAt: clock.now() };
  await manager.createQueryBuilder().insert().into(SpellEntity).values(values).orIgnore().execute();
  const spell = await manager.findOneByOrFail(SpellEntity, { key });
  if (spell.accountId !== accountId)
    throw new AppError('FORBIDDEN', `the key ${key} belongs to another account`);
  return spell;
}
