/** The second door, of what works without a server: it loads none of a server's libraries, which take a second to start. */
export { canonicalJson } from './canonical-json.js';
export { parseVerifierKey, type NoteVerifier } from './note/note-key.js';
export { openCheckpoint, type Checkpoint } from './note/checkpoint.js';
export { hashLeaf } from './merkle/hash.js';
export { parseLeaf, type Leaf } from './leaf.js';
export { commitTo } from './seal-entry.js';
export { auditLog, type AuditReport } from './audit/audit-log.js';
export { folderSource, type FileSource } from './audit/file-source.js';
export { mirrorLog } from './audit/mirror-log.js';
export { httpSource } from './audit/http-source.js';
export type { AuditProblem } from './audit/finding.js';
export { verifyInclusion } from './merkle/verify-inclusion.js';
