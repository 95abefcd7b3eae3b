import { requireScope, type Principal } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import { AppError, notFound, type Clock, type DataSource, type PubSub } from '../platform/index.js';
import { SpellEntity, SpellVersionEntity } from './spell.entity.js';
import { SPELLS_CHANGED_CHANNEL } from './version-resolver.js';

/** Takes a version out of choice for new casts. Casts that were accepted before still run. */
export async function yankSpellVersion(
  deps: { database: DataSource; clock: Clock; pubsub: PubSub },
  principal: Principal | null,
  input: { key: string; version: string },
): Promise<SpellVersionEntity> {
  const { accountId } = requireScope(principal, 'publish');
  const spell = await deps.database.getRepository(SpellEntity).findOneBy({ key: input.key });
  if (spell === null) throw notFound(`spell ${input.key}`);
  if (spell.accountId !== accountId) throw new AppError('FORBIDDEN', 'only its owner can yank a version');
  const versions = deps.database.getRepository(SpellVersionEntity);
  const version = await versions.findOneBy({ spellId: spell.id, version: input.version });
  if (version === null) throw notFound(`${input.key}@${input.version}`);
  const yankedAt = deps.clock.now();
  await deps.database.transaction(async (manager) => {
    const { affected } = await manager
      .createQueryBuilder()
      .update(SpellVersionEntity)
      .set({ yankedAt })
      .where('id = :id AND yankedAt IS NULL', { id: version.id })
      .execute();
    if (affected !== 1) return;
    await appendFact(manager, {
      accountId,
      kind: 'spell.yanked',
      subject: `${spell.key}@${version.version}`,
      occurredAt: yankedAt,
      content: { packageDigest: version.packageDigest },
    });
  });
  void deps.pubsub.publish(SPELLS_CHANGED_CHANNEL, spell.key).catch(() => undefined);
  return versions.findOneByOrFail({ id: version.id });
}
