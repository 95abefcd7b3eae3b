/** The log is not what was written; the message says where. */
export class LogProblem extends Error {
  override readonly name = 'LogProblem';
}
