import { z } from 'zod';
import { type Family, familyOf } from '../address/address.ts';
import { annotationsSchema } from '../metadata.ts';
import { acrossFields, failed, field, integer, oneOf, type Report } from '../validation/field.ts';
import { parseIpVersion } from './ip-version.ts';
import { type Peer, peerSchema } from './peer.ts';
import { hasPorts, isIcmp, type Protocol, parseProtocol } from './protocol.ts';

const icmpSchema = z.strictObject({
  type: integer({ what: 'ICMP type', minimum: 0, maximum: 254 }),
  code: integer({ what: 'ICMP code', minimum: 0, maximum: 255 }).optional(),
});

/** An ICMP message type, and with it a code if the rule is about just that code. */
export interface Icmp {
  type: number;
  code?: number;
}

/**
 * One rule of a policy. All criteria given have to hold for the packet that opens a connection.
 *
 * `Allow` and `Deny` end the evaluation; `Log` writes the packet to the log and goes on with the next rule; `Pass` skips the remaining policies.
 */
export const ruleSchema: z.ZodType<Rule> = acrossFields(
  z.strictObject({
    action: oneOf('Allow', 'Deny', 'Log', 'Pass'),
    ipVersion: field(parseIpVersion).optional(),
    protocol: field(parseProtocol).optional(),
    notProtocol: field(parseProtocol).optional(),
    icmp: icmpSchema.optional(),
    notICMP: icmpSchema.optional(),
    source: peerSchema.optional(),
    destination: peerSchema.optional(),
    metadata: z.strictObject({ annotations: annotationsSchema }).optional(),
  }),
  (rule, report) => {
    if (!failed(rule.protocol)) {
      checkPorts(rule, report);
      checkIcmp(rule, report);
    }
    checkFamilies(rule, report);
    checkDomains(rule, report);
    checkServices(rule, report);
  },
);

export type Action = 'Allow' | 'Deny' | 'Log' | 'Pass';

export interface Rule {
  action: Action;
  ipVersion?: 4 | 6;
  protocol?: Protocol;
  notProtocol?: Protocol;
  icmp?: Icmp;
  notICMP?: Icmp;
  source?: Peer;
  destination?: Peer;
  /** Free text for people and tools. */
  metadata?: { annotations: Record<string, string> };
}

const SIDES = ['source', 'destination'] as const;

function checkPorts(rule: Partial<Rule>, report: Report): void {
  if (hasPorts(rule.protocol)) return;
  for (const side of SIDES) {
    for (const name of ['ports', 'notPorts'] as const) {
      const ports = rule[side]?.[name];
      if (ports === undefined) continue;
      const given = rule.protocol === undefined ? 'the rule names no protocol' : `protocol ${rule.protocol} has none`;
      report([side, name], `ports need a protocol that has them, and ${given}: set "protocol" to TCP, UDP, SCTP or UDPLite`);
    }
  }
}

function checkIcmp(rule: Partial<Rule>, report: Report): void {
  for (const name of ['icmp', 'notICMP'] as const) {
    if (rule[name] === undefined || isIcmp(rule.protocol)) continue;
    const given = rule.protocol === undefined ? 'the rule names no protocol' : `the rule's protocol is ${rule.protocol}`;
    report([name], `ICMP types belong to ICMP, and ${given}: set "protocol" to ICMP or ICMPv6`);
  }
}

/** What a name stands for is known only as far as it was asked for: enough to allow it, not to forbid it. */
function checkDomains({ action, source, destination }: Partial<Rule>, report: Report): void {
  if (source?.domains !== undefined) report(['source', 'domains'], 'domains are those of the destination: remove them here');
  if (destination?.domains === undefined || failed(action) || action === 'Allow') return;
  report(['destination', 'domains'], `only a rule that allows has domains, and this one's action is ${action}: use "nets" or a selector`);
}

/** The service says whose addresses are meant and, of where traffic goes to, which protocols and ports. */
function checkServices(rule: Partial<Rule>, report: Report): void {
  for (const side of SIDES) {
    const { services, ...others } = rule[side] ?? {};
    if (services === undefined) continue;
    for (const [name, value] of Object.entries(others)) {
      if (value !== undefined) report([side, name], `"services" says who that is already: remove one of the two`);
    }
    if (side === 'source') continue;
    for (const name of ['protocol', 'notProtocol', 'icmp', 'notICMP'] as const) {
      if (rule[name] !== undefined) report([name], 'the service says which protocols and ports: remove it');
    }
  }
}

/** A rule whose parts are of two address families could never match. */
function checkFamilies(rule: Partial<Rule>, report: Report): void {
  const protocolVersion = rule.protocol === 'ICMP' ? 4 : rule.protocol === 'ICMPv6' ? 6 : undefined;
  if (protocolVersion !== undefined && (rule.ipVersion === 4 || rule.ipVersion === 6) && rule.ipVersion !== protocolVersion) {
    report(['ipVersion'], `protocol ${rule.protocol} is of IP version ${protocolVersion}, and the rule's "ipVersion" is ${rule.ipVersion}`);
  }
  const version = rule.ipVersion ?? protocolVersion;
  if (version !== 4 && version !== 6) return;
  const family: Family = version === 4 ? 'IPv4' : 'IPv6';
  const reason = rule.ipVersion === undefined ? `protocol ${rule.protocol}` : `"ipVersion" ${rule.ipVersion}`;
  for (const side of SIDES) {
    for (const name of ['nets', 'notNets'] as const) {
      const nets = rule[side]?.[name];
      if (!Array.isArray(nets)) continue;
      for (const [index, net] of nets.entries()) {
        if (typeof net === 'string' && familyOf(net) !== family) {
          report([side, name, index], `"${net}" is ${familyOf(net)}, and the rule's ${reason} allows only ${family} blocks`);
        }
      }
    }
  }
}
