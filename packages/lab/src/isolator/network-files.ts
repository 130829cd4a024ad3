import type { PluginDns, PluginResult } from './result.ts';
import { addressOf } from './result.ts';

/** /etc/hosts of a container: its first network with an IPv4 address counts, IPv6 is left out, as Mesos does. */
export function formatHosts(hostname: string, results: PluginResult[]): string {
  const cidr = results.find((result) => result.ip4)?.ip4?.ip;
  return `127.0.0.1 localhost\n${cidr === undefined ? '' : `${addressOf(cidr)} ${hostname}\n`}`;
}

/** resolv.conf from the plugins' `dns`, lists joined and the last domain winning; `undefined`: no name server, the host's file is used. */
export function formatResolvConf(results: PluginResult[]): string | undefined {
  const given = results.map((result) => result.dns).filter((dns): dns is PluginDns => dns != null);
  const nameservers = given.flatMap((dns) => dns.nameservers);
  if (nameservers.length === 0) return undefined;
  const domain = given.findLast((dns) => dns.domain != null)?.domain;
  const search = given.flatMap((dns) => dns.search);
  const options = given.flatMap((dns) => dns.options);
  return [
    ...(domain == null ? [] : [`domain ${domain}`]),
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
    ...nameservers.map((nameserver) => `nameserver ${nameserver}`),
    '',
  ].join('\n');
}
