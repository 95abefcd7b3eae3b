// Preparing a guest module when it is published: is it one that we run, and the same with a fuel gauge built in.

export { describeCostTable } from './describe-cost-table.js';
export type { ModuleProblem } from './module-problem.js';
export { prepareModule, type PrepareOptions } from './prepare-module.js';
export { rewriteModule, type PreparedModule } from './rewrite-module.js';
