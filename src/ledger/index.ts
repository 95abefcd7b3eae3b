export { appendFact } from './append-fact.js';
export { FACT_COLUMNS, type Fact, type FactKind } from './fact.js';
export { PersonKeys, destroyPersonKey } from './person-keys.js';
export { Sequencer, type SequencerDeps } from './sequencer.js';
export { LogChecker } from './check/log-checker.js';
export { LedgerMetrics, registerLedgerDepth } from './ledger-metrics.js';
export { LedgerResolver } from './ledger.resolver.js';
export { currentCheckpoint, signedCheckpoint, type LedgerDeps, type SignedCheckpoint } from './ledger.js';
export { findEntry, type LedgerEntry } from './find-entries.js';
export { proveFacts, type ProvedFact } from './prove-facts.js';
export { readBundle, readTile, writeBundle } from './read-log.js';
export { LogState } from './log-state.js';
export { TileTree } from './merkle/tile-tree.js';
export { confirmRetiredKeys, readKeys, type LogKeys, type PublishedKey } from './signing-keys.js';
export { parseTilePath, tilePath, tilesOf } from './merkle/tile.js';
export { canonicalJson } from './canonical-json.js';
export {
  formatVerifierKey,
  noteSigner,
  parseVerifierKey,
  type NoteSigner,
  type NoteVerifier,
} from './note/note-key.js';
export { openCheckpoint, writeCheckpoint, type Checkpoint } from './note/checkpoint.js';
export { hashLeaf } from './merkle/hash.js';
export { NO_PREVIOUS, parseLeaf, writeLeaf, type Leaf } from './leaf.js';
export { commitTo } from './seal-entry.js';
export { auditLog, type AuditReport } from './audit/audit-log.js';
export { folderSource, type FileSource } from './audit/file-source.js';
export { verifyInclusion } from './merkle/verify-inclusion.js';
export { verifyConsistency } from './merkle/verify-consistency.js';
