export { SpellEntity, SpellVersionEntity } from './spell.entity.js';
export { SpellType, SpellVersionType, toSpellType, toSpellVersionType } from './spell.type.js';
export {
  AccountSpellsResolver,
  SpellResolver,
  SpellVersionResolver,
  type SpellDeps,
} from './spell.resolver.js';
export { VersionResolver, type ResolvedVersion } from './version-resolver.js';
export { publishSpell, type PublishDeps } from './publish-spell.js';
export { readSbom } from './read-sbom.js';
export { readResources } from './read-resources.js';
export { PACKAGE_BYTES_MAX, recordUpload } from './record-upload.js';
export { UploadQuota } from './upload-quota.js';
export { UploadSweeper } from './upload-sweeper.js';
export { loadSpells, loadVersions } from './find-spells.js';
export { CAST_MICROS_MAX, meteredMicros, priceMicros, type Pricing } from './price.js';
