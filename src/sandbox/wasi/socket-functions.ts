import { Errno, type ErrnoValue } from './errno.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

/** There is no network: no descriptor ever is a socket. */
export function socketFunctions({ descriptors }: WasiContext): WasiFunctions {
  function refuse(number: number): ErrnoValue {
    descriptors.get(number);
    return Errno.NOTSOCK;
  }
  return { sock_accept: refuse, sock_recv: refuse, sock_send: refuse, sock_shutdown: refuse };
}
