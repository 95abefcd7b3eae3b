import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { orAfter } from '../platform/index.js';
import { isPublicAddress, resolveHost, type ResolvedAddress } from './public-addresses.js';

const RESOLVE_WITHIN_MS = 5_000;
const ANSWER_WITHIN_MS = 10_000;

/**
 * Sends a body and answers the status. The name is resolved here and now, every address is checked again, and the
 * connection goes to one of these addresses: what a name meant when it was set, or means a moment later, says nothing.
 * Redirects are not followed, the answer's body is not read.
 */
export async function postWebhook(
  target: { url: URL; allowPrivate: boolean },
  headers: Record<string, string>,
  body: string,
): Promise<number> {
  const { url, allowPrivate } = target;
  const addresses = await resolveChecked(url.hostname, allowPrivate);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const request = send(url, {
    method: 'POST',
    // A connection that was opened for another account's alert must not carry this one.
    agent: false,
    lookup: lookupAmong(addresses),
    headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
  });
  // A timer of our own: whatever the other side does or leaves out, this call ends.
  const timer = setTimeout(
    () => reject(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)),
    ANSWER_WITHIN_MS,
  );
  // Stays for good, because a request that is destroyed may fail once more, and an error that nobody hears ends the process.
  request.on('error', reject);
  request.once('response', (response) => resolve(response.statusCode ?? 0));
  // After `101 Switching Protocols` there is no response and no error, only this.
  request.once('upgrade', (response, socket) => {
    // It is no longer the request's own.
    socket.destroy();
    resolve(response.statusCode ?? 0);
  });
  request.once('close', () => reject(new Error('closed without an answer')));
  request.end(body);
  return promise.finally(() => {
    clearTimeout(timer);
    request.destroy();
  });
}

async function resolveChecked(hostname: string, allowPrivate: boolean): Promise<ResolvedAddress[]> {
  const addresses = await orAfter(resolveHost(hostname), RESOLVE_WITHIN_MS, []);
  if (addresses.length === 0) throw new Error(`${hostname} has no address`);
  if (!allowPrivate && !addresses.every(({ address }) => isPublicAddress(address)))
    throw new Error(`${hostname} is not on the public internet`);
  return addresses;
}

/** What Node connects to: it asks for all addresses, or for one. A literal address it does not look up at all. */
function lookupAmong(addresses: ResolvedAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, addresses);
    else callback(null, first?.address ?? '', first?.family);
  };
}
