import { LRUCache } from 'lru-cache';
import semver from 'semver';
import { badInput, notFound, type AppError, type DataSource, type PubSub } from '../platform/index.js';
import { compileInputSchema, type InputCheck } from '../provenance/index.js';
import { SpellEntity, SpellVersionEntity } from './spell.entity.js';

/** The pub/sub channel that carries the key of a spell whose versions have changed. */
export const SPELLS_CHANGED_CHANNEL = 'spells-changed';

/** A version ready to be cast: its row, its key, and the check of its input. */
export interface ResolvedVersion {
  key: string;
  version: SpellVersionEntity;
  /** Problems of an input; compiles the schema on first use, because workers never need it. */
  checkInput(value: unknown): ReturnType<InputCheck>;
}

// A publish or yank clears the entry everywhere at once; the time is for the day that message is lost.
const REMEMBERED_FOR_MS = 5_000;
const REMEMBERED_MAX = 5_000;
// A compiled schema can take a megabyte.
const COMPILED_MAX = 500;
const REFERENCE_CHARACTERS_MAX = 256;

/** Resolves `key`, `key@1.2.3` and `key@^1` to the newest version that fits and is not yanked. */
export class VersionResolver {
  readonly #database: DataSource;
  readonly #pubsub: PubSub;
  readonly #byReference = new LRUCache<string, ResolvedVersion>({
    max: REMEMBERED_MAX,
    ttl: REMEMBERED_FOR_MS,
  });
  readonly #byId = new LRUCache<string, Promise<ResolvedVersion>>({ max: COMPILED_MAX });
  /** Reads on their way: a thousand casts of a spell whose entry has just expired are one read, not a thousand. */
  readonly #reading = new Map<string, Promise<ResolvedVersion>>();
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
    this.#reading.clear();
  }

  async resolve(reference: string): Promise<ResolvedVersion> {
    // Before anything looks at it: semver takes seconds for megabytes.
    if (reference.length > REFERENCE_CHARACTERS_MAX) throw badReference();
    const known = this.#byReference.get(reference);
    if (known !== undefined) return known;
    const reading = this.#reading.get(reference);
    if (reading !== undefined) return reading;
    const started = this.#readNewest(reference);
    this.#reading.set(reference, started);
    try {
      return await started;
    } finally {
      if (this.#reading.get(reference) === started) this.#reading.delete(reference);
    }
  }

  async #readNewest(reference: string): Promise<ResolvedVersion> {
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
    // The promise is what is remembered, so that many who ask at once cause one read and one compilation.
    const known = this.#byId.get(id) ?? this.#read(id);
    this.#byId.set(id, known);
    known.catch(() => this.#byId.delete(id));
    return known;
  }

  async #read(id: string): Promise<ResolvedVersion> {
    const version = await this.#database.getRepository(SpellVersionEntity).findOneByOrFail({ id });
    const spell = await this.#database.getRepository(SpellEntity).findOneByOrFail({ id: version.spellId });
    return { key: spell.key, version, checkInput: lazyCheck(version.inputSchema) };
  }

  async #choose(spellId: string, range: string): Promise<string | null> {
    const rows = await this.#database
      .getRepository(SpellVersionEntity)
      .createQueryBuilder('version')
      .select(['version.id', 'version.version'])
      .where('version.spellId = :spellId AND version.yankedAt IS NULL', { spellId })
      .getMany();
    const best = semver.maxSatisfying(
      rows.map((row) => row.version),
      range,
    );
    return rows.find((row) => row.version === best)?.id ?? null;
  }
}

function lazyCheck(schema: object | null): ResolvedVersion['checkInput'] {
  let check: InputCheck | null = null;
  return (value) => {
    if (schema === null) return [];
    check ??= compileInputSchema(schema);
    return check(value);
  };
}

function parseReference(reference: string): { key: string; range: string } {
  const [key = '', range = '*', ...rest] = reference.split('@');
  const isRange = range !== '' && semver.validRange(range) !== null;
  if (key === '' || rest.length > 0 || !isRange) throw badReference();
  return { key, range };
}

function badReference(): AppError {
  const reason = 'must be a key, key@version or key@range, as in com.acme.resize@^1';
  return badInput([{ path: 'spell', reason }]);
}
