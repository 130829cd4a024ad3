/** What Docker keeps of an address pool, and gives back with each request: it is all that there is to know. Pure. */
import { DockerError } from '../docker-error.ts';

export interface PoolChoice {
  family: 'IPv4' | 'IPv6';
  /** Names of Weir's pools; absent: any. */
  pools?: string[];
}

const OPTION = 'pools';

/** `IPv4`, or `IPv4:front,back`. */
export function poolId({ family, pools }: PoolChoice): string {
  return pools === undefined ? family : `${family}:${pools.join(',')}`;
}

export function readPoolId(id: string): PoolChoice {
  const [family, names] = id.split(':', 2);
  if (family !== 'IPv4' && family !== 'IPv6') throw new DockerError('EREQUEST', `pool ${JSON.stringify(id)} is none of Weir's`);
  return { family, ...(names !== undefined && { pools: names.split(',') }) };
}

/** The pools that `--ipam-opt pools=front,back` names; undefined: any. */
export function poolsAsked(options: Record<string, string>): string[] | undefined {
  const unknown = Object.keys(options).find((key) => key !== OPTION);
  if (unknown !== undefined) throw new DockerError('EREQUEST', `--ipam-opt ${unknown}: not known; there is ${OPTION}=NAME,NAME`);
  const names = (options[OPTION] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return names.length === 0 ? undefined : names;
}
