import { badInput, orAfter, type AppError } from '../platform/index.js';
import { isPublicAddress, resolveHost } from './public-addresses.js';

const URL_CHARACTERS_MAX = 2_000;
// A resolver that takes longer than this will not be quicker when an alert is due.
const RESOLVE_WITHIN_MS = 5_000;

/**
 * Checks an address that the platform itself will call: https, no credentials in it, and nothing but the public
 * internet behind its name. With `allowPrivate` (tests, networks of one's own) also http and any address.
 */
export async function checkWebhookUrl(text: string, allowPrivate: boolean): Promise<URL> {
  if (text.length > URL_CHARACTERS_MAX || !URL.canParse(text))
    throw refuse(`must be a URL of at most ${URL_CHARACTERS_MAX} characters`);
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
    throw refuse('must begin with https://');
  if (url.username !== '' || url.password !== '') throw refuse('must not carry credentials');
  const found = await orAfter(resolveHost(url.hostname), RESOLVE_WITHIN_MS, null).catch(() => null);
  if (found === null || found.length === 0) throw refuse('its host name cannot be resolved');
  if (!allowPrivate && !found.every(({ address }) => isPublicAddress(address)))
    throw refuse('must be on the public internet');
  return url;
}

function refuse(reason: string): AppError {
  return badInput([{ path: 'url', reason }]);
}
