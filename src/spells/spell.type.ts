import { Field, ObjectType } from 'type-graphql';
import { DateTimeScalar, DigestScalar, JsonScalar, Node, connectionType } from '../platform/index.js';
import type { SpellEntity, SpellVersionEntity } from './spell.entity.js';

@ObjectType('Spell', {
  implements: Node,
  description: 'A WebAssembly program in the grimoire, under one key, in many versions.',
})
export class SpellType extends Node {
  @Field({ description: 'The name by which it is cast, as in com.acme.resize.' })
  key: string;

  @Field(() => DateTimeScalar, { description: 'When its first version was published.' })
  createdAt: Date;
}

@ObjectType('SpellVersion', {
  implements: Node,
  description: 'One published version of a spell. It never changes.',
})
export class SpellVersionType extends Node {
  spellId: string;

  @Field({ description: 'Its semantic version.' })
  version: string;

  @Field(() => DigestScalar, { description: 'The digest of the whole package.' })
  packageDigest: string;

  @Field(() => DigestScalar, { description: 'The digest of the module as it was published.' })
  moduleDigest: string;

  @Field(() => DigestScalar, {
    description: 'The digest of the module as it runs: metered, its memory bounded.',
  })
  preparedModuleDigest: string;

  @Field({ description: 'The display name in the manifest.' })
  name: string;

  @Field(() => String, { nullable: true, description: 'What it does, in its maker’s words.' })
  description: string | null;

  @Field(() => String, { nullable: true, description: 'Its licence, an SPDX expression.' })
  license: string | null;

  @Field(() => [String], { description: 'Words to find it by.' })
  tags: string[];

  @Field(() => JsonScalar, { description: 'The whole manifest with its defaults filled in.' })
  manifest: unknown;

  @Field(() => JsonScalar, { nullable: true, description: 'The JSON Schema of its input.' })
  inputSchema: unknown;

  @Field(() => String, { nullable: true, description: 'The README of the package, Markdown.' })
  readme: string | null;

  @Field(() => DateTimeScalar, { description: 'When it was published.' })
  publishedAt: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it was yanked. A yanked version is not picked any more.',
  })
  yankedAt: Date | null;
}

export const SpellConnection = connectionType('Spell', () => SpellType);
export const SpellVersionConnection = connectionType('SpellVersion', () => SpellVersionType);

export function toSpellType(spell: SpellEntity): SpellType {
  return Object.assign(new SpellType(), { id: spell.id, key: spell.key, createdAt: spell.createdAt });
}

export function toSpellVersionType(version: SpellVersionEntity): SpellVersionType {
  const { spell } = version.manifest;
  return Object.assign(new SpellVersionType(), {
    id: version.id,
    spellId: version.spellId,
    version: version.version,
    packageDigest: version.packageDigest,
    moduleDigest: version.moduleDigest,
    preparedModuleDigest: version.preparedDigest,
    name: spell.name ?? spell.key,
    description: spell.description ?? null,
    license: spell.license ?? null,
    tags: version.tags,
    manifest: version.manifest,
    inputSchema: version.inputSchema,
    readme: version.readme,
    publishedAt: version.publishedAt,
    yankedAt: version.yankedAt,
  });
}
