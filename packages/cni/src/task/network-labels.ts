import { weirLabel } from '@weir/resources';
import { z } from 'zod';
import { type NetworkConfig, parseConfig } from '../protocol/network-config.ts';
import { type NetworkInfo, readNetworkInfo } from './network-info.ts';

const argsSchema = z.looseObject({
  labels: z.array(z.looseObject({ key: z.string(), value: z.string().default('') })).nullish(),
});

/**
 * The labels that whoever launches a container gives it for this network: Mesos in NetworkInfo, any other runtime in `args.cni.labels` (CNI
 * CONVENTIONS.md, "args in network config"). As they came, but for those to Weir: one spelling.
 * @throws CniError 7 when a field has the wrong type
 */
export function networkLabels(config: NetworkConfig): NetworkInfo['labels'] {
  const ofMesos = readNetworkInfo(config)?.labels ?? [];
  const args = config.args?.cni;
  if (args === undefined || args === null) return ofMesos;
  const { labels } = parseConfig(argsSchema, args, 'args.cni');
  return [...(labels ?? []).map(({ key, value }) => ({ key: weirLabel(key) ?? key, value })), ...ofMesos];
}
