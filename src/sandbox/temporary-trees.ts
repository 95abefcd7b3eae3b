import type { SandboxTree } from './sandbox-run.js';

/** A private, empty /tmp for one run, gone with it; none when it may hold nothing. */
export function temporaryTrees(maxBytes: number): SandboxTree[] {
  return maxBytes === 0 ? [] : [{ guestPath: '/tmp', files: new Map(), isWritable: true, maxBytes }];
}
