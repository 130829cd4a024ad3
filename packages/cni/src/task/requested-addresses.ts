import { ADDRESS_BITS, familyOf, parseAddress, ValidationError } from '@weir/resources';
import { z } from 'zod';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { parseConfig } from '../protocol/network-config.ts';
import type { Call } from '../protocol/request.ts';
import { readNetworkInfo } from './network-info.ts';
import { networkLabels } from './network-labels.ts';

/** The network label by which a task asks for addresses. */
const ADDRESS_LABEL = 'weir/ip';

interface Request {
  text: string;
  /** Where it was asked for. */
  source: string;
}

/**
 * The addresses that runtime, framework or task ask for, canonical and each once, in the order of the sources: `ip_addresses` of Mesos and the
 * label `weir/ip`, `ips` of the runtime (CNI CONVENTIONS.md, "Dynamic plugin specific fields" and "args in network config"), or, where none of
 * these asks, `IP` in CNI_ARGS (the same, "CNI_ARGS").
 *
 * @throws CniError 7, with the source, for what is no address
 */
export function requestedAddresses(call: Call): string[] {
  const { runtimeConfig, args } = call.config;
  const asked = [
    // First, so that what is wrong is told of where it came from: a chain gives them to its steps as `ips` too.
    ...fromTask(call),
    ...listOf(runtimeConfig?.ips, 'runtimeConfig.ips'),
    ...listOf((args?.cni as { ips?: unknown } | null | undefined)?.ips, 'args.cni.ips'),
  ];
  const requests = asked.length > 0 ? asked : fromCniArgs(call.environment.CNI_ARGS);
  return [...new Set(requests.map(readAddress))];
}

function listOf(value: unknown, source: string): Request[] {
  if (value === undefined || value === null) return [];
  return parseConfig(z.array(z.string()), value, source).map((text) => ({ text, source }));
}

/** `KEY=value;KEY=value`; other keys are other plugins'. */
function fromCniArgs(variable = ''): Request[] {
  const values = variable.split(';').flatMap((pair) => (pair.startsWith('IP=') ? [pair.slice('IP='.length)] : []));
  return values.flatMap((value) => separated(value, 'IP in CNI_ARGS'));
}

function fromTask({ config }: Call): Request[] {
  const info = readNetworkInfo(config);
  const labels = networkLabels(config).filter(({ key }) => key === ADDRESS_LABEL);
  return [
    ...(info?.ipAddresses ?? []).flatMap(({ protocol, address }): Request[] => {
      if (address === undefined) return [];
      const source = 'network_info.ip_addresses';
      if (familyOf(address) !== protocol) throw badAddress(source, `"${address}" is no ${protocol} address, as its protocol says`);
      return [{ text: address, source }];
    }),
    ...labels.flatMap(({ value }) => separated(value, `the network label ${ADDRESS_LABEL}`)),
  ];
}

function separated(value: string, source: string): Request[] {
  const texts = value.split(',').map((text) => text.trim());
  return texts.filter((text) => text !== '').map((text) => ({ text, source }));
}

/** With or without a prefix length, which says nothing to us: an address is routed by itself. */
function readAddress({ text, source }: Request): string {
  const [address, prefixLength, ...rest] = text.split('/');
  if (rest.length > 0 || (prefixLength !== undefined && !isPrefixLength(prefixLength, address!))) {
    throw badAddress(source, `"${text}" is no IP address: expected one such as "10.1.0.7" or "10.1.0.7/32"`);
  }
  try {
    return parseAddress(address);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw badAddress(source, error.issues[0]!.message);
  }
}

const isPrefixLength = (text: string, address: string): boolean =>
  /^\d{1,3}$/.test(text) && Number(text) <= ADDRESS_BITS[familyOf(address)];

function badAddress(source: string, message: string): CniError {
  return new CniError(CNI_CODE.invalidConfig, `${source}: ${message}`, {
    details: 'correct the address that is asked for, or leave it out',
  });
}
