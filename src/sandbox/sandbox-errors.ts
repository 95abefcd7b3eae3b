/** Too many runs wait for a process. The caller should leave the job in its queue and come back. */
export class SandboxBusyError extends Error {
  override readonly name = 'SandboxBusyError';
  constructor(waiting: number) {
    super(`The sandbox is busy: ${waiting} runs are waiting already.`);
  }
}

/** The pool was not started, or is being stopped. */
export class SandboxStoppedError extends Error {
  override readonly name = 'SandboxStoppedError';
  constructor() {
    super('The sandbox pool is not running.');
  }
}
