import { AsyncLocalStorage } from 'node:async_hooks';
import { pino, type DestinationStream, type Logger, type LoggerOptions } from 'pino';

export type { Logger };

/** What every log line of one request carries. Fields are filled in as the request is understood. */
export interface RequestScope {
  requestId: string;
  accountId?: string;
}

const scopes = new AsyncLocalStorage<RequestScope | undefined>();

/** Runs `work` so that each log line written inside it carries the scope's fields. */
export function inRequestScope<T>(scope: RequestScope, work: () => T): T {
  return scopes.run(scope, work);
}

/**
 * Runs work that one request happens to set off but that is done for many, or long after: its log lines carry no
 * request's fields, rather than those of whoever came first.
 */
export function outsideRequestScope<T>(work: () => T): T {
  return scopes.run(undefined, work);
}

export function requestScope(): RequestScope | undefined {
  return scopes.getStore();
}

// Paths that could hold a secret if someone logs a whole request or payload by mistake.
const REDACTED_PATHS = [
  'authorization',
  'secret',
  'password',
  '*.authorization',
  '*.secret',
  '*.password',
  '*.secretHash',
  'headers.authorization',
  'headers.cookie',
  'req.headers.authorization',
  'req.headers.cookie',
];

// Lines of the same moment leave in one write: three lines a cast are three system calls otherwise. Who kills the process
// loses the last of them, unless they say that something is wrong.
const BUFFER_BYTES = 4_096;
const FLUSH_MS = 50;
const WARN = 40;

const openDestination = (): DestinationStream & { flushSync(): void } => {
  const destination = pino.destination({ dest: 1, sync: true, minLength: BUFFER_BYTES });
  setInterval(() => destination.flushSync(), FLUSH_MS).unref();
  process.on('exit', () => destination.flushSync());
  return destination;
};

// One for all loggers of the process, so that their lines keep their order.
let opened: ReturnType<typeof openDestination> | null = null;

export function createLogger(options: { level: string; name: string }): Logger {
  const destination = (opened ??= openDestination());
  const settings: LoggerOptions = {
    name: options.name,
    level: options.level,
    hooks: {
      logMethod(line, method, level) {
        method.apply(this, line);
        if (level >= WARN) destination.flushSync();
      },
    },
    serializers: { err: describeError },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    // A copy: pino writes the fields of the line into what it gets here.
    mixin: () => ({ ...scopes.getStore() }),
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  return pino(settings, destination);
}

/** Only what says what went wrong: a failed query also carries its parameters, and those can be anybody's secrets. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return { type: error.name, message: error.message, stack: error.stack, code };
}
