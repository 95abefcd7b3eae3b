import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Digest } from '../platform/index.js';
import type { SpellManifest } from '../provenance/index.js';

@Entity('spells')
export class SpellEntity {
  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  key: string;

  @Column('uuid', { name: 'account_id' })
  accountId: string;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;
}

/** One published version. Only `yankedAt` ever changes; the database refuses anything else. */
@Entity('spell_versions')
export class SpellVersionEntity {
  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'spell_id' })
  spellId: string;

  @Column('text')
  version: string;

  @Column('text', { name: 'package_digest' })
  packageDigest: Digest;

  @Column('text', { name: 'module_digest' })
  moduleDigest: Digest;

  /** The module as it runs: memory bounded, metered. */
  @Column('text', { name: 'prepared_digest' })
  preparedDigest: Digest;

  @Column('int', { name: 'cost_table' })
  costTable: number;

  @Column('text', { name: 'sbom_digest' })
  sbomDigest: Digest;

  @Column('text', { name: 'sbom_media_type' })
  sbomMediaType: string;

  @Column('jsonb')
  manifest: SpellManifest;

  @Column('jsonb', { name: 'input_schema', nullable: true })
  inputSchema: object | null;

  @Column('text', { nullable: true })
  readme: string | null;

  @Column('text', { array: true })
  tags: string[];

  @Column('jsonb', { nullable: true })
  bundle: object | null;

  @Column('uuid', { name: 'published_by' })
  publishedBy: string;

  @Column('timestamptz', { name: 'published_at' })
  publishedAt: Date;

  @Column('timestamptz', { name: 'yanked_at', nullable: true })
  yankedAt: Date | null;
}
