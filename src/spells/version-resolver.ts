import { LRUCache } from 'lru-cache';
import semver from 'semver';
import { badInput, notFound, type DataSource, type PubSub } from '../platform/index.js';
import { compileInputSchema } from '../provenance/index.js';
import { SpellEntity, SpellVersionEntity } from './spell.entity.js';

/** The pub/sub channel that carries the key of a spell whose versions have changed. */
export const SPELLS_CHANGED_CHANNEL = 'spells-changed';

/** A version ready to be cast: its row, its key, and its compiled input schema. */
export interface ResolvedVersion {
  key: string;
  version: SpellVersionEntity;
  checkInput: ReturnType<typeof compileInputSchema> | null;
}

// A publish or yank clears the entry everywhere at once; the time is for the day that message is lost.
const REMEMBERED_FOR_MS = 5_000;
const REMEMBERED_MAX = 5_000;
const REFERENCE_CHARACTERS_MAX = 256;

/** Resolves `key`, `key@1.2.3` and `key@^1` to the newest version that fits and is not yanked. */
export class VersionResolver {
  readonly #database: DataSource;
  readonly #pubsub: PubSub;
  readonly #byReference = new LRUCache<string, ResolvedVersion>({ max: REMEMBERED_MAX, ttl: REMEMBERED_FOR_MS });
  readonly #byId = new LRUCache<string, ResolvedVersion>({ max: REMEMBERED_MAX });
  /** Rises with every change, so that an answer read before one is not remembered after it. */
  #generation = 0;
  #unsubscribe: () => void = () => undefined;

  constructor(deps: { database: DataSource; pubsub: PubSub }) {
    this.#database = deps.database;
    this.#pubsub = deps.pubsub;
  }

  async start(): Promise<void> {
    this.#unsubscribe = await this.#pubsub.subscribe(SPELLS_CHANGED_CHANNEL, () => this.forget());
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** Called by this process after a publish or yank, so that its own caller sees the change at once. */
  forget(): void {
    this.#generation += 1;
    this.#byReference.clear();
  }

  async resolve(reference: string): Promise<ResolvedVersion> {
    const known = this.#byReference.get(reference);
    if (known !== undefined) return known;
    const generation = this.#generation;
    const { key, range } = parseReference(reference);
    const spell = await this.#database.getRepository(SpellEntity).findOneBy({ key });
    if (spell === null) throw notFound(`spell ${key}`);
    const chosen = await this.#choose(spell.id, range);
    if (chosen === null) throw notFound(`a version of ${key} that fits ${range} and is not yanked`);
    const resolved = await this.byId(chosen);
    if (generation === this.#generation) this.#byReference.set(reference, resolved);
    return resolved;
  }

  /** A version that is known to exist; yanked or not, because a cast that was accepted is still run. */
  async byId(id: string): Promise<ResolvedVersion> {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const version = await this.#database.getRepository(SpellVersionEntity).findOneByOrFail({ id });
    const spell = await this.#database.getRepository(SpellEntity).findOneByOrFail({ id: version.spellId });
    const checkInput = version.inputSchema === null ? null : compileInputSchema(version.inputSchema);
    const resolved = { key: spell.key, version, checkInput };
    this.#byId.set(id, resolved);
    return resolved;
  }

  async #choose(spellId: string, range: string): Promise<string | null> {
    const rows = await this.#database
      .getRepository(SpellVersionEntity)
      .createQueryBuilder('version')
      .select(['version.id', 'version.version'])
      .where('version.spellId = :spellId AND version.yankedAt IS NULL', { spellId })
      .getMany();
    const best = semver.maxSatisfying(rows.map((row) => row.version), range);
    return rows.find((row) => row.version === best)?.id ?? null;
  }
}

function parseReference(reference: string): { key: string; range: string } {
  const [key = '', range = '*', ...rest] = reference.split('@');
  const isRange = range !== '' && semver.validRange(range) !== null;
  if (key === '' || rest.length > 0 || !isRange || reference.length > REFERENCE_CHARACTERS_MAX) {
    throw badInput([{ path: 'spell', reason: 'must be a key, key@version or key@range, as in com.acme.resize@^1' }]);
  }
  return { key, range };
}
