import semver from 'semver';
import { In } from 'typeorm';
import { requirePrincipal, type Principal } from '../accounts/index.js';
import { badInput, queryRows, type DataSource, type PageArgs } from '../platform/index.js';
import { SpellEntity, SpellVersionEntity } from './spell.entity.js';

export interface SpellFilter {
  search?: string | null;
  tag?: string | null;
  /** Only spells of this account. */
  accountId?: string;
}

const SEARCH_CHARACTERS_MAX = 200;

/** A page of the grimoire, newest spell first: up to `first + 1`. Search looks at key, name and description. */
export async function findSpells(
  deps: { database: DataSource },
  principal: Principal | null,
  filter: SpellFilter,
  page: PageArgs,
): Promise<SpellEntity[]> {
  requirePrincipal(principal);
  if ((filter.search?.length ?? 0) > SEARCH_CHARACTERS_MAX) {
    throw badInput([{ path: 'search', reason: `must have at most ${SEARCH_CHARACTERS_MAX} characters` }]);
  }
  const query = deps.database.getRepository(SpellEntity).createQueryBuilder('spell');
  query.orderBy('spell.id', 'DESC').take(page.first + 1);
  if (page.afterId !== null) query.andWhere('spell.id < :afterId', { afterId: page.afterId });
  if (filter.accountId !== undefined)
    query.andWhere('spell.accountId = :accountId', { accountId: filter.accountId });
  if (filter.search) query.andWhere(`(${SEARCH})`, { pattern: `%${escapeLike(filter.search)}%` });
  if (filter.tag) query.andWhere(TAGGED, { tag: filter.tag });
  return query.getMany();
}

const SEARCH = `spell.key ILIKE :pattern OR EXISTS (
  SELECT 1 FROM spell_versions v WHERE v.spell_id = spell.id
     AND (v.manifest->'spell'->>'name' ILIKE :pattern OR v.manifest->'spell'->>'description' ILIKE :pattern))`;
const TAGGED = `EXISTS (SELECT 1 FROM spell_versions v WHERE v.spell_id = spell.id AND v.tags @> ARRAY[:tag])`;

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, (character) => `\\${character}`);
}

export async function findSpellByKey(
  deps: { database: DataSource },
  key: string,
): Promise<SpellEntity | null> {
  return deps.database.getRepository(SpellEntity).findOneBy({ key });
}

/** For a DataLoader: the spells with these ids, in their order. */
export async function loadSpells(
  database: DataSource,
  ids: readonly string[],
): Promise<(SpellEntity | null)[]> {
  const found = await database.getRepository(SpellEntity).findBy({ id: In([...ids]) });
  const byId = new Map(found.map((spell) => [spell.id, spell]));
  return ids.map((id) => byId.get(id) ?? null);
}

/** For a DataLoader: the versions with these ids, in their order. */
export async function loadVersions(
  database: DataSource,
  ids: readonly string[],
): Promise<(SpellVersionEntity | null)[]> {
  const found = await database.getRepository(SpellVersionEntity).findBy({ id: In([...ids]) });
  const byId = new Map(found.map((version) => [version.id, version]));
  return ids.map((id) => byId.get(id) ?? null);
}

/** For a DataLoader: one page of versions of each of these spells, newest first, up to `first + 1` each. */
export async function loadVersionPages(
  database: DataSource,
  spellIds: readonly string[],
  page: PageArgs,
): Promise<SpellVersionEntity[][]> {
  const ranked = await queryRows<{ id: string }>(
    database,
    `SELECT id FROM (
       SELECT id, row_number() OVER (PARTITION BY spell_id ORDER BY id DESC) AS place FROM spell_versions
        WHERE spell_id = ANY($1::uuid[]) AND ($2::uuid IS NULL OR id < $2)) AS ranked
      WHERE place <= $3`,
    [spellIds, page.afterId, page.first + 1],
  );
  const found = await database
    .getRepository(SpellVersionEntity)
    .find({ where: { id: In(ranked.map((row) => row.id)) }, order: { id: 'DESC' } });
  return spellIds.map((spellId) => found.filter((version) => version.spellId === spellId));
}

/** For a DataLoader: of each spell the highest version that is neither yanked nor a pre-release. */
export async function loadLatestVersions(
  database: DataSource,
  spellIds: readonly string[],
): Promise<(SpellVersionEntity | null)[]> {
  const rows = await queryRows<{ id: string; spell_id: string; version: string }>(
    database,
    `SELECT id, spell_id, version FROM spell_versions WHERE spell_id = ANY($1::uuid[]) AND yanked_at IS NULL`,
    [spellIds],
  );
  const latestIds = spellIds.map((spellId) => {
    const own = rows.filter((row) => row.spell_id === spellId);
    const best = semver.maxSatisfying(
      own.map((row) => row.version),
      '*',
    );
    return own.find((row) => row.version === best)?.id ?? null;
  });
  const found = await loadVersions(
    database,
    latestIds.filter((id) => id !== null),
  );
  const byId = new Map(
    found.flatMap((version) => (version === null ? [] : [[version.id, version] as const])),
  );
  return latestIds.map((id) => (id === null ? null : (byId.get(id) ?? null)));
}
