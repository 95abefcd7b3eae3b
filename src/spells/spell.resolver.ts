import DataLoader from 'dataloader';
import {
  Arg,
  Ctx,
  Field,
  FieldResolver,
  InputType,
  Int,
  Mutation,
  ObjectType,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import { AccountType, requirePrincipal, type RequestContext } from '../accounts/index.js';
import {
  DigestScalar,
  JsonScalar,
  parsePage,
  toConnection,
  type Connection,
  type DataSource,
} from '../platform/index.js';
import {
  findSpellByKey,
  findSpells,
  loadLatestVersions,
  loadSpells,
  loadVersionPages,
} from './find-spells.js';
import { publishSpell, type PublishDeps } from './publish-spell.js';
import type { SpellEntity, SpellVersionEntity } from './spell.entity.js';
import {
  SpellConnection,
  SpellType,
  SpellVersionConnection,
  SpellVersionType,
  toSpellType,
  toSpellVersionType,
} from './spell.type.js';
import type { VersionResolver } from './version-resolver.js';
import { yankSpellVersion } from './yank-spell-version.js';

@InputType({ description: 'A package to publish, whole or already uploaded.' })
class PublishSpellInput {
  @Field(() => String, {
    nullable: true,
    description: 'The package tar in base64. For larger ones, upload first.',
  })
  packageBase64?: string | null;

  @Field(() => DigestScalar, {
    nullable: true,
    description: 'The digest of a package sent to PUT /v1/uploads/<digest>.',
  })
  uploadDigest?: string | null;

  @Field(() => JsonScalar, { nullable: true, description: 'The Sigstore bundle that signs the package.' })
  bundle?: unknown;
}

@ObjectType({ description: 'The version that the package has become, or was already.' })
class PublishSpellPayload {
  @Field({ description: 'The published version.' })
  version: SpellVersionType;

  @Field(() => [String], { description: 'What the maker should know although nothing was refused.' })
  warnings: string[];
}

@InputType({ description: 'Which version to yank.' })
class YankSpellVersionInput {
  @Field({ description: 'The key of the spell.' })
  key: string;

  @Field({ description: 'The exact version.' })
  version: string;
}

@ObjectType({ description: 'The yanked version.' })
class YankSpellVersionPayload {
  @Field({ description: 'The version, with `yankedAt` set.' })
  version: SpellVersionType;
}

export interface SpellDeps extends PublishDeps {
  versions: VersionResolver;
}

@Resolver(() => SpellType)
export class SpellResolver {
  readonly #deps: SpellDeps;

  constructor(deps: SpellDeps) {
    this.#deps = deps;
  }

  @Query(() => SpellType, { nullable: true, description: 'One spell by its key.' })
  async spell(
    @Ctx() context: RequestContext,
    @Arg('key', () => String, { description: 'The key, as in com.acme.resize.' }) key: string,
  ): Promise<SpellType | null> {
    requirePrincipal(context.principal);
    const spell = await findSpellByKey(this.#deps, key);
    return spell === null ? null : toSpellType(spell);
  }

  @Query(() => SpellConnection, { description: 'The grimoire, newest spell first.' })
  async spells(
    @Ctx() context: RequestContext,
    @Arg('first', () => Int, { nullable: true, description: 'Page size, at most 100.' }) first?: number,
    @Arg('after', () => String, { nullable: true, description: 'The cursor to go on from.' }) after?: string,
    @Arg('search', () => String, { nullable: true, description: 'Part of a key, name or description.' })
    search?: string,
    @Arg('tag', () => String, { nullable: true, description: 'Only spells with this tag.' }) tag?: string,
  ): Promise<Connection<SpellType>> {
    const page = parsePage(first, after);
    return toConnection(
      await findSpells(this.#deps, context.principal, { search, tag }, page),
      page,
      toSpellType,
    );
  }

  @FieldResolver(() => SpellVersionType, {
    nullable: true,
    description: 'The highest version that is neither yanked nor a pre-release.',
  })
  async latestVersion(
    @Root() spell: SpellType,
    @Ctx() context: RequestContext,
  ): Promise<SpellVersionType | null> {
    const loader = context.loader(
      'latestVersion',
      () => new DataLoader((ids: readonly string[]) => loadLatestVersions(this.#deps.database, ids)),
    );
    const version = await loader.load(spell.id);
    return version === null ? null : toSpellVersionType(version);
  }

  @FieldResolver(() => SpellVersionConnection, { description: 'Its versions, newest first.' })
  async versions(
    @Root() spell: SpellType,
    @Ctx() context: RequestContext,
    @Arg('first', () => Int, { nullable: true, description: 'Page size, at most 100.' }) first?: number,
    @Arg('after', () => String, { nullable: true, description: 'The cursor to go on from.' }) after?: string,
  ): Promise<Connection<SpellVersionType>> {
    const page = parsePage(first, after);
    const loader = context.loader(
      `versions:${page.first}:${page.afterId ?? ''}`,
      () =>
        new DataLoader<string, SpellVersionEntity[]>((ids) =>
          loadVersionPages(this.#deps.database, ids, page),
        ),
    );
    return toConnection(await loader.load(spell.id), page, toSpellVersionType);
  }

  @Mutation(() => PublishSpellPayload, { description: 'Publishes a package. Needs the scope publish.' })
  async publishSpell(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'The package.' }) input: PublishSpellInput,
  ): Promise<PublishSpellPayload> {
    const { version, warnings } = await publishSpell(this.#deps, context.principal, input);
    this.#deps.versions.forget();
    return { version: toSpellVersionType(version), warnings };
  }

  @Mutation(() => YankSpellVersionPayload, {
    description: 'Takes a version out of choice for new casts. Needs the scope publish.',
  })
  async yankSpellVersion(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'Which version.' }) input: YankSpellVersionInput,
  ): Promise<YankSpellVersionPayload> {
    const version = await yankSpellVersion(this.#deps, context.principal, input);
    this.#deps.versions.forget();
    return { version: toSpellVersionType(version) };
  }
}

@Resolver(() => SpellVersionType)
export class SpellVersionResolver {
  readonly #database: DataSource;

  constructor(deps: { database: DataSource }) {
    this.#database = deps.database;
  }

  @FieldResolver(() => SpellType, { description: 'The spell it is a version of.' })
  async spell(@Root() version: SpellVersionType, @Ctx() context: RequestContext): Promise<SpellType> {
    const spell = await spellLoader(this.#database, context).load(version.spellId);
    if (spell === null) throw new Error(`version ${version.id} has no spell`);
    return toSpellType(spell);
  }
}

@Resolver(() => AccountType)
export class AccountSpellsResolver {
  readonly #database: DataSource;

  constructor(deps: { database: DataSource }) {
    this.#database = deps.database;
  }

  @FieldResolver(() => SpellConnection, {
    description: 'The spells this account has published, newest first.',
  })
  async spells(
    @Root() account: AccountType,
    @Ctx() context: RequestContext,
    @Arg('first', () => Int, { nullable: true, description: 'Page size, at most 100.' }) first?: number,
    @Arg('after', () => String, { nullable: true, description: 'The cursor to go on from.' }) after?: string,
  ): Promise<Connection<SpellType>> {
    const page = parsePage(first, after);
    const found = await findSpells(
      { database: this.#database },
      context.principal,
      { accountId: account.id },
      page,
    );
    return toConnection(found, page, toSpellType);
  }
}

function spellLoader(database: DataSource, context: RequestContext): DataLoader<string, SpellEntity | null> {
  return context.loader('spell', () => new DataLoader((ids) => loadSpells(database, ids)));
}
