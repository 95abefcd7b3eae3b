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
export { CastSweeper } from './sweep-casts.js';
export { CastMetrics, registerQueueDepth, registerSandboxMetrics } from './cast-metrics.js';
export { ArtifactLinks, readArtifact } from './artifact-links.js';
export { ENQUEUE_TOPIC, findCast, loadOutputs } from './cast-store.js';
export { requestCast } from './request-cast.js';
export { cancelCast } from './cancel-cast.js';
export { watchCast } from './watch-cast.js';
export { toJsonOutput } from './output.js';
export { isFinal } from './cast.js';
