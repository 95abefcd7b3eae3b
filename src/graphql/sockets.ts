import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  GraphQLError,
  execute,
  subscribe,
  type ExecutionArgs,
  type GraphQLFormattedError,
  type GraphQLSchema,
} from 'graphql';
import { CloseCode, type ConnectionInitMessage } from 'graphql-ws';
import { useServer, type Extra } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import type { Principal } from '../accounts/index.js';
import type { KeyVerifier } from '../keys/index.js';
import { newId, orAfter, type Clock, type Logger } from '../platform/index.js';
import { createContext, type WatchAlerts, type WatchCast } from './context.js';
import { formatError } from './format-error.js';
import { OpenOperation } from './open-operation.js';
import type { OperationMetrics } from './operation-metrics.js';
import { prepareOperation } from './prepare-operation.js';
import { readToken } from './read-token.js';
import { sendTogether } from './send-together.js';
import type { StreamLimits } from './stream-limits.js';

export interface SocketOptions {
  schema: GraphQLSchema;
  verifier: KeyVerifier;
  clock: Clock;
  logger: Logger;
  metrics: OperationMetrics;
  watchCast: WatchCast;
  watchAlerts: WatchAlerts;
  limits: StreamLimits;
  isOriginAllowed(request: IncomingMessage): boolean;
}

// Sockets carry subscriptions; large inputs go by HTTP.
const MESSAGE_BYTES_MAX = 1024 * 1024;
const INIT_WITHIN_MS = 3_000;
const KEEP_ALIVE_MS = 12_000;
const CLOSE_WITHIN_MS = 1_000;
// One socket watches many casts, but not without end: each costs a subscription in Redis.
const OPERATIONS_PER_SOCKET_MAX = 200;
// Clients number their operations or give them UUIDs.
const OPERATION_ID_CHARACTERS_MAX = 128;

interface SocketExtra extends Record<PropertyKey, unknown> {
  principal: Principal;
  /** What has not ended yet. */
  open: Set<OpenOperation>;
}

type SocketContext = Parameters<
  NonNullable<Parameters<typeof useServer<ConnectionInitMessage['payload'], SocketExtra>>[0]['onConnect']>
>[0];

/** GraphQL over WebSocket on the API's own port: graphql-transport-ws, authenticated in connection_init. */
export class GraphqlSockets {
  readonly #options: SocketOptions;
  readonly #server: WebSocketServer;
  // By the message that asked for each: its id may be in use again before the end of the first is noticed.
  readonly #operations = new WeakMap<object, OpenOperation>();
  readonly #protocol: { dispose(): Promise<void> | void };

  constructor(options: SocketOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_BYTES_MAX });
    this.#protocol = useServer<ConnectionInitMessage['payload'], SocketExtra>(
      {
        connectionInitWaitTimeout: INIT_WITHIN_MS,
        onConnect: (context) => this.#connect(context),
        onSubscribe: (context, id, payload) => this.#subscribe(context, id, payload),
        execute: (args) => operationOf(args).run(() => execute(args)),
        subscribe: (args) => operationOf(args).run(() => subscribe(args)),
        onNext: (_context, _id, payload, _args, result) => {
          if (result.errors === undefined) return undefined;
          return { ...result, errors: this.#format(payload, result.errors) };
        },
        onError: (context, _id, payload, errors) => {
          const formatted = this.#format(payload, errors);
          this.#end(context, payload);
          return formatted;
        },
        onComplete: (context, _id, payload) => this.#end(context, payload),
        // What went wrong inside stays inside: a close reason is sent to the client.
        isProd: true,
      },
      this.#server,
      KEEP_ALIVE_MS,
    );
    this.#server.on('connection', (socket, request: IncomingMessage) => {
      sendTogether(socket, request.socket);
      options.metrics.sockets.inc();
      socket.on('close', () => options.metrics.sockets.dec());
      socket.on('error', (error) => options.logger.debug({ error: error.message }, 'socket'));
    });
  }

  /** For the HTTP server's `upgrade` event on /graphql. A foreign origin is refused before the socket opens. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!this.#options.isOriginAllowed(request)) {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const leave = this.#options.limits.openConnection();
    if (leave === null) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    socket.once('close', leave);
    this.#server.handleUpgrade(request, socket, head, (webSocket) =>
      this.#server.emit('connection', webSocket, request),
    );
  }

  async stop(): Promise<void> {
    // A client that does not answer the close must not hold up the stop.
    await orAfter(Promise.resolve(this.#protocol.dispose()), CLOSE_WITHIN_MS, undefined);
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  /** False closes the socket with 4403 Forbidden. */
  async #connect(context: SocketContext): Promise<boolean> {
    const token = readToken(context.connectionParams);
    const principal = token === null ? null : await this.#options.verifier.verify(token);
    if (principal === null) return false;
    const { socket } = context.extra;
    context.extra.principal = principal;
    const open = new Set<OpenOperation>();
    context.extra.open = open;
    const leave = this.#options.limits.openSocket(principal.accountId);
    if (leave === null) socket.close(CloseCode.TooManyInitialisationRequests, 'Too many sockets');
    const unwatch = this.#options.verifier.watch(principal.keyId, () =>
      socket.close(CloseCode.Forbidden, 'Forbidden'),
    );
    const end = () => {
      unwatch();
      leave?.();
      for (const operation of open) operation.end();
    };
    socket.once('close', end);
    // It may have closed while the key was verified.
    if (socket.readyState === socket.CLOSED) end();
    return true;
  }

  #subscribe(
    context: SocketContext,
    id: string,
    payload: { query: string; operationName?: string | null; variables?: Record<string, unknown> | null },
  ): ExecutionArgs | readonly GraphQLError[] {
    const requestId = newId(this.#options.clock);
    const { principal, open } = context.extra as Extra & SocketExtra;
    const operation = new OpenOperation(this.#options.metrics, 'ws', {
      requestId,
      accountId: principal.accountId,
    });
    this.#operations.set(payload, operation);
    open.add(operation);
    return operation.run(() => {
      if (id.length > OPERATION_ID_CHARACTERS_MAX)
        return refusal(`an operation id has at most ${OPERATION_ID_CHARACTERS_MAX} characters`);
      if (Object.keys(context.subscriptions).length > OPERATIONS_PER_SOCKET_MAX)
        return refusal(`a socket carries at most ${OPERATIONS_PER_SOCKET_MAX} operations`);
      try {
        operation.holds(this.#options.limits.openOperation(principal.accountId));
      } catch (error) {
        return [new GraphQLError((error as Error).message, { originalError: error as Error })];
      }
      const contextValue = { ...createContext({ ...this.#options, principal, requestId }), operation };
      const prepared = prepareOperation(this.#options.schema, payload, contextValue);
      operation.name = prepared.name;
      return 'args' in prepared ? prepared.args : prepared.errors;
    });
  }

  #end(context: SocketContext, payload: object): void {
    const operation = this.#operations.get(payload);
    if (operation === undefined) return;
    operation.end();
    context.extra.open?.delete(operation);
  }

  #format(payload: object, errors: readonly GraphQLError[]): GraphQLFormattedError[] {
    const format = () => errors.map((error) => formatError(error, this.#options.logger));
    const operation = this.#operations.get(payload);
    if (operation === undefined) return format();
    const formatted = operation.run(format);
    operation.note(formatted);
    return formatted;
  }
}

function operationOf(args: ExecutionArgs): OpenOperation {
  return (args.contextValue as { operation: OpenOperation }).operation;
}

function refusal(text: string): GraphQLError[] {
  return [new GraphQLError(text, { extensions: { code: 'BAD_USER_INPUT' } })];
}
