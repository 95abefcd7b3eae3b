export { CastEntity } from './cast.entity.js';
export {
  CastResolver,
  CastFinishedResolver,
  AccountCastsResolver,
  type CastDeps,
  type SubscriptionContext,
} from './cast.resolver.js';
export { toCastType } from './cast.type.js';
export { CastWorker, type CastWorkerDeps } from './cast-worker.js';
export { CastAcceptance } from './accept-casts.js';
export { FreshCasts } from './fresh-casts.js';
export { OwnWorker } from './own-worker.js';
export { CastSettlements } from './settle-casts.js';
export { CastReader } from './read-casts.js';
export { CastHousekeeping } from './housekeeping.js';
export { readUsage } from './usage.js';
export { UsageResolver } from './usage.resolver.js';
export { CastSweeper } from './sweep-casts.js';
export { CastMetrics, registerQueueDepth, registerSandboxMetrics } from './cast-metrics.js';
export { ArtifactLinks, findArtifact } from './artifact-links.js';
export { ENQUEUE_TOPIC, findCast, loadOutputs } from './cast-store.js';
export { requestCast } from './request-cast.js';
export { cancelCast } from './cancel-cast.js';
export { watchCast, type WatchedEvent } from './watch-cast.js';
export { toJsonOutput } from './output.js';
export { isFinal } from './cast.js';
export { issueReceipts } from './issue-receipts.js';
export { explainNoReplay } from './explain-no-replay.js';
export { describeReceipt, type Receipt, type ReceiptContent } from './receipt.js';
export { verifyReceiptPackage } from './verify-receipt-files.js';
export { InputChecks } from './input-checks.js';
export { toResult, type CastResult } from './result.js';
