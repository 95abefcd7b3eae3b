/**
 * What a run may use up, as data: one table from which manifests, requests, the command line and docs/limits.md are made.
 *
 * field: the name in manifests, with its unit · key: the name in the sandbox, in the smallest unit · declared: by the
 * manifest · lowered: by the request.
 */
export { strictest, toRunLimits, type DeclaredFields } from './declared-limits.js';
export { describeLimit, describeRunLimits } from './describe-limits.js';
export {
  castFieldOf,
  optionOf,
  RUN_LIMITS,
  type CastLimitField,
  type CastLimitValues,
  type RunLimitField,
  type RunLimitKey,
  type RunLimits,
} from './run-limits.js';
