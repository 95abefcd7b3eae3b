import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';

// All that was ever given out of IPv6 for the public internet. What is outside of it needs no list: other ranges could be
// other names of IPv4 addresses.
const PUBLIC_IPV6 = ['2000::', 3] as const;

// What is not the public internet (IANA's special-purpose registries, RFC 6890 and its successors), and the ranges within
// PUBLIC_IPV6 through which an IPv4 address could be reached by another name (6to4, Teredo).
const NOT_PUBLIC: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const blocked = new BlockList();
for (const [network, prefix] of NOT_PUBLIC)
  blocked.addSubnet(network, prefix, network.includes(':') ? 'ipv6' : 'ipv4');

const publicIpv6 = new BlockList();
publicIpv6.addSubnet(...PUBLIC_IPV6, 'ipv6');
const mapped = new BlockList();
mapped.addSubnet('::ffff:0:0', 96, 'ipv6');

/** IPv4 addresses written as IPv6 ones (::ffff:10.0.0.1) are judged as what they are. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !blocked.check(address, 'ipv4');
  if (family !== 6 || blocked.check(address, 'ipv6')) return false;
  return publicIpv6.check(address, 'ipv6') || mapped.check(address, 'ipv6');
}

export interface ResolvedAddress {
  address: string;
  family: number;
}

/** The addresses of a host name or literal; all of them, because the one that is not public would be tried some day. */
export async function resolveHost(hostname: string): Promise<ResolvedAddress[]> {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(bare);
  return family === 0 ? lookup(bare, { all: true }) : [{ address: bare, family }];
}
