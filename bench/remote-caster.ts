import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CasterOptions } from './caster-process.js';
import type { RoundRequest, RoundResult } from './measure.js';

/** A caster in its own process, asked over a pipe for one round after the other. */
export class RemoteCaster {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async open(options: CasterOptions): Promise<RemoteCaster> {
    const program = fileURLToPath(new URL('./caster-process.js', import.meta.url));
    const caster = new RemoteCaster(fork(program, [JSON.stringify(options)]));
    await caster.#answer();
    return caster;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async run(request: RoundRequest): Promise<RoundResult> {
    this.#child.send(request);
    return (await this.#answer()) as RoundResult;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.send('close');
    await ended;
  }

  async #answer(): Promise<unknown> {
    const answered = new AbortController();
    const { signal } = answered;
    const ended = once(this.#child, 'exit', { signal }).then(([code]) => {
      throw new Error(`a caster ended with ${String(code)}`);
    });
    ended.catch(() => undefined);
    const answer = once(this.#child, 'message', { signal }).then(([message]) => message as unknown);
    answer.catch(() => undefined);
    return Promise.race([answer, ended]).finally(() => answered.abort());
  }
}
