import { CNI_CODE, CniError } from '../cni-error.ts';
import type { Call } from './request.ts';

/**
 * The MAC address that the runtime asks for: `mac` of the capability of that name, or of `args.cni`, or `MAC` in CNI_ARGS (CNI
 * CONVENTIONS.md). In lower case; undefined when none is asked for.
 * @param ofNetwork what the network file has for when nobody asks
 * @throws CniError 7, with the source, for what cannot be one interface's
 */
export function requestedMac({ config: { runtimeConfig, args }, environment }: Call, ofNetwork?: string): string | undefined {
  const sources: [string, unknown][] = [
    ['runtimeConfig.mac', runtimeConfig?.mac],
    ['args.cni.mac', (args?.cni as { mac?: unknown } | null | undefined)?.mac],
    ['MAC in CNI_ARGS', /(?:^|;)MAC=([^;]*)/.exec(environment.CNI_ARGS ?? '')?.[1]],
    ['mac of the network file', ofNetwork],
  ];
  for (const [source, value] of sources) if (value !== undefined && value !== null && value !== '') return readMac(value, source);
  return undefined;
}

function readMac(value: unknown, source: string): string {
  const mac = typeof value === 'string' ? value.toLowerCase().replaceAll('-', ':') : '';
  // The lowest bit of the first byte says that it is a group's.
  if (/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac) && mac !== '00:00:00:00:00:00') return mac;
  throw new CniError(
    CNI_CODE.invalidConfig,
    `${source} is ${JSON.stringify(value)}: expected a unicast MAC address such as "02:00:5e:00:53:07"`,
    {
      details: 'correct the MAC address that is asked for, or leave it out',
    },
  );
}
