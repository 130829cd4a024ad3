/** Flow records as lines of a table. */
import { APP_LABEL, type FlowEnd, type FlowReason, type FlowRecord } from '@weir/resources';
import { formatOwnLabels } from '../output/columns.ts';
import type { Column } from '../output/table.ts';

export const FLOW_COLUMNS: Column<FlowRecord>[] = [
  { header: 'LAST', value: ({ end }) => end.slice(0, 19).concat('Z') },
  { header: 'HOST', value: ({ host }) => host },
  { header: 'VERDICT', value: ({ verdict }) => verdict.padEnd('VERDICT'.length) },
  { header: 'FROM', value: ({ source }) => partyText(source), shrinks: true },
  { header: 'TO', value: ({ destination }) => partyText(destination), shrinks: true },
  { header: 'PORT', value: portText },
  { header: 'PACKETS', value: ({ packets, replyPackets }) => bothWays(packets, replyPackets), align: 'right' },
  { header: 'BYTES', value: ({ bytes, replyBytes }) => bothWays(bytes, replyBytes), align: 'right' },
  { header: 'BECAUSE', value: ({ because, staged }) => `${reasonText(because)}${stagedText(staged)}`, shrinks: true },
];

/** `812/410`: there and back. */
function bothWays(there: number, back: number | undefined): string {
  return back === undefined ? String(there) : `${there}/${back}`;
}

/**
 * Of an end of a flow: `/shop/web (10.64.0.2)`, of what is no Marathon app `shop/run=web (10.64.0.2)`, since containers' names tell nobody
 * anything; without labels there is nothing but the name.
 */
export function partyText({ address, endpoint, host, networkSets }: FlowEnd): string {
  if (endpoint !== undefined) return `${ownerText(endpoint)} (${address})`;
  if (host !== undefined) return `host ${host}`;
  return networkSets === undefined ? address : `${address} (${networkSets.join(', ')})`;
}

function ownerText({ namespace, name, labels }: NonNullable<FlowEnd['endpoint']>): string {
  const app = labels[APP_LABEL];
  if (app !== undefined) return app;
  return `${namespace}/${Object.keys(labels).length > 0 ? formatOwnLabels(labels) : name}`;
}

/** `TCP/80`, `ICMP/8.0`, `47`. */
export function portText({
  protocol,
  destinationPort,
  icmpType,
  icmpCode,
}: Pick<FlowRecord, 'protocol' | 'destinationPort' | 'icmpType' | 'icmpCode'>): string {
  if (destinationPort !== undefined) return `${protocol}/${destinationPort}`;
  return icmpType === undefined ? String(protocol) : `${protocol}/${icmpType}.${icmpCode}`;
}

/** `egress[2] of policy shop/web (tier default)`, `no rule matched (tier default, ingress)`. */
export function reasonText({ direction, tier, policy, ruleIndex, default: byDefault }: FlowReason): string {
  const where = [...(tier === undefined ? [] : [`tier ${tier}`])];
  const name = policy && `${kindText(policy.kind)} ${policy.namespace === undefined ? '' : `${policy.namespace}/`}${policy.name}`;
  if (policy !== undefined && ruleIndex !== undefined) return `${direction?.toLowerCase()}[${ruleIndex}] of ${name}${inBrackets(where)}`;
  if (direction !== undefined) where.push(direction.toLowerCase());
  return `${[byDefault, name].filter((part) => part !== undefined).join(': ')}${inBrackets(where)}`;
}

const kindText = (kind: string): string => (kind === 'GlobalPolicy' ? 'global policy' : kind.toLowerCase());

function inBrackets(parts: readonly string[]): string {
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function stagedText(staged: FlowRecord['staged']): string {
  return staged === undefined ? '' : `; staged: ${staged.verdict}, ${reasonText(staged.because)}`;
}
