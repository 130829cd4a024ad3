import { z } from 'zod';
import { ADDRESS_BITS, cidrContains, familyOf, parseCidr } from './address/address.ts';
import type { Direction } from './kinds/policy.ts';
import type { Labels } from './metadata.ts';
import { matches } from './selector/evaluate.ts';
import { parseSelector } from './selector/parse.ts';
import type { Selector } from './selector/selector.ts';
import { isMarathonId, isOfMarathonId } from './weir-label.ts';

/** What a host saw of one flow, or of many that differ in their source port alone, in a window of some seconds. */
export interface FlowRecord {
  host: string;
  /** First and last packet, ISO 8601. */
  start: string;
  end: string;
  /** `Log`: a rule with the action Log matched; what became of the packet stands in a record of its own. */
  verdict: 'Allow' | 'Deny' | 'Log';
  source: FlowEnd;
  destination: FlowEnd;
  /** Name, or number where it has none. */
  protocol: string | number;
  destinationPort?: number;
  icmpType?: number;
  icmpCode?: number;
  because: FlowReason;
  /** What it would have been if staged policies were enforced; absent where none selects an end. */
  staged?: { verdict: 'Allow' | 'Deny'; because: FlowReason };
  /** From source to destination. Of what was denied or logged, those that were told of: the kernel tells of so many a second and counts the rest. */
  packets: number;
  /** Of these packets, with their IP headers. */
  bytes: number;
  /** From destination to source; absent for what was not allowed, and where the host counted none of its flows. */
  replyPackets?: number;
  replyBytes?: number;
  /** Of what was allowed: flows that began and were told of. 0 for a record of those that began before. */
  connections?: number;
}

/** Who has an address. With neither endpoint nor host it is outside of the cluster, or nobody's. */
export interface FlowEnd {
  address: string;
  endpoint?: { namespace: string; name: string; labels: Labels };
  host?: string;
  /** Network sets that hold the address. */
  networkSets?: string[];
}

/** The rule, the default of the tier, or what else decided. */
export interface FlowReason {
  direction?: Direction;
  tier?: string;
  policy?: { kind: string; namespace?: string; name: string };
  /** Position among the policy's rules of that direction, from 0. */
  ruleIndex?: number;
  default?: string;
}

/** What somebody wants to see of the flows. */
export const flowQuerySchema = z.object({
  /** Records that ended since then, ISO 8601. */
  since: z.iso.datetime(),
  denied: z.boolean().default(false),
  /** Only what staged policies would decide otherwise. */
  staged: z.boolean().optional(),
  /** See {@link flowEndTest}. */
  from: z.string().optional(),
  to: z.string().optional(),
  /** Records that each host tells of at a time, the latest. */
  limit: z.int().min(1).max(10_000),
  /** Whether to go on with those to come. */
  follow: z.boolean().default(false),
});

export type FlowQuery = z.infer<typeof flowQuerySchema>;

/** A question to all agents, under a key of the store. It and all answers hang on the lease of who asked. */
export const flowRequestSchema = flowQuerySchema.extend({ lease: z.string() });

export type FlowRequest = z.infer<typeof flowRequestSchema>;

/** What one host answers; each further answer takes the place of the one before. */
export interface FlowAnswer {
  records: FlowRecord[];
  /** Whether no other answer follows, or none before there is something new. */
  complete: boolean;
  /** Records beyond the limit. */
  dropped: number;
  /** Since when the host remembers all that it recorded, ISO 8601: an hour ago, or later if its agent began later or had no room for more. */
  reachesTo: string;
}

/** Not among the objects, whose watchers need not hear of it. */
const REQUESTS = '/weir/flows/requests/';
const ANSWERS = '/weir/flows/answers/';

export function flowRequestKey(id = ''): string {
  return REQUESTS + id;
}

export function flowAnswerKey(id: string, host = ''): string {
  return `${ANSWERS}${id}/${host}`;
}

export type FlowTest = (record: FlowRecord) => boolean;

/** Whether a record is wanted. Throws SelectorError, ValidationError. */
export function flowTest({ since, denied, staged: wantsStaged = false, from, to }: FlowQuery): FlowTest {
  const [isSource, isDestination] = [from, to].map((text) => (text === undefined ? () => true : flowEndTest(text)));
  const first = Date.parse(since);
  const isChanged = ({ verdict, staged }: FlowRecord) => staged !== undefined && staged.verdict !== verdict && verdict !== 'Log';
  return (record) => {
    const { verdict, end, source, destination } = record;
    if ((denied && verdict !== 'Deny') || (wantsStaged && !isChanged(record))) return false;
    return Date.parse(end) >= first && isSource!(source) && isDestination!(destination);
  };
}

const ADDRESS = /^(\d+(\.\d+){3}|[0-9a-f]*:[0-9a-f:]*)(\/\d+)?$/i;

/** `weir/app` and the like are labels, not of a namespace `weir`. */
const IN_NAMESPACE = /^(?!weir\/)([a-z0-9-]+)\/(.+)$/s;

/** `shop/run == 'web'`, as namespace and rest; undefined where no namespace is named. */
export function splitNamespace(text: string): { namespace: string; rest: string } | undefined {
  const [, namespace, rest] = IN_NAMESPACE.exec(text) ?? [];
  return namespace === undefined || rest === undefined ? undefined : { namespace, rest };
}

/**
 * An address or CIDR, `outside`, the id of a Marathon app or group (`/shop/web`), `host/node-7`, `namespace/name` of an endpoint, or a selector
 * for the labels of endpoints, of one namespace (`shop/run == 'web'`) or all.
 */
export function flowEndTest(text: string): (end: FlowEnd) => boolean {
  if (text === 'outside') return ({ endpoint, host }) => endpoint === undefined && host === undefined;
  if (ADDRESS.test(text)) {
    const cidr = parseCidr(text.includes('/') ? text : `${text}/${ADDRESS_BITS[familyOf(text)]}`);
    return ({ address }) => cidrContains(cidr, address);
  }
  if (isMarathonId(text)) return ({ endpoint }) => endpoint !== undefined && isOfMarathonId(endpoint.labels, text);
  const { namespace, rest = text } = splitNamespace(text) ?? {};
  if (namespace === 'host') return ({ host }) => host === rest;
  const isHome = (endpoint: FlowEnd['endpoint']) => endpoint !== undefined && (namespace === undefined || endpoint.namespace === namespace);
  if (namespace !== undefined && /^[a-z0-9.-]+$/.test(rest)) return ({ endpoint }) => isHome(endpoint) && endpoint?.name === rest;
  const selector: Selector = parseSelector(rest);
  return ({ endpoint }) => endpoint !== undefined && isHome(endpoint) && matches(selector, endpoint.labels);
}
