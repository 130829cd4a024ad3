/** Policy routing rules (RTM_*RULE of linux/fib_rules.h): requests written, messages read. Pure. */
import { AF_INET, AF_INET6, familyOf, formatPrefix, type IpVersion, parsePrefix } from './ip-address.ts';
import { decodeAttributes, decodeString, type Message, NLM_F_CREATE, NLM_F_EXCL, type Request } from './message.ts';
import { MAIN_TABLE } from './route.ts';

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
const RTM_GETRULE = 34;

// struct fib_rule_hdr: family, destination length, source length, tos, table, reserved ×2, action (u8 each), flags u32
const HEADER_LENGTH = 12;
const FRA = { DST: 1, SRC: 2, IIFNAME: 3, PRIORITY: 6, FWMARK: 10, TABLE: 15, FWMASK: 16, OIFNAME: 17, PROTOCOL: 21 } as const;
const ACTIONS = { table: 1, blackhole: 6, unreachable: 7, prohibit: 8 } as const;
const FIB_RULE_INVERT = 2;

export interface Rule {
  version: IpVersion;
  /** Rules are tried from the lowest on. When adding, absent means: before all but the first. */
  priority?: number;
  source?: string;
  destination?: string;
  inputLink?: string;
  outputLink?: string;
  /** Packet mark, compared under `mask` (default: all bits). */
  mark?: number;
  mask?: number;
  /** The rule applies to what does not match. */
  invert?: boolean;
  /** Table to look in, for action `table`; default 254, main. */
  table?: number;
  /** Default `table`. */
  action?: keyof typeof ACTIONS;
  /** Who made it: rtnetlink's protocol number. */
  protocol?: number;
}

function describeRule(rule: Rule): string {
  const { version, priority, source, destination, inputLink, outputLink, mark, mask, invert, table, action = 'table' } = rule;
  const words = [
    invert ? ' not' : '',
    source ? ` from ${source}` : '',
    destination ? ` to ${destination}` : '',
    inputLink ? ` iif ${inputLink}` : '',
    outputLink ? ` oif ${outputLink}` : '',
    mark !== undefined ? ` fwmark ${mark}${mask !== undefined ? `/${mask}` : ''}` : '',
    priority !== undefined ? ` priority ${priority}` : '',
    action === 'table' ? ` lookup ${table ?? MAIN_TABLE}` : ` ${action}`,
  ];
  return `${version === 6 ? '-6 ' : ''}rule WORD${words.join('')}`;
}

function ruleRequest(type: number, flags: number, word: string, rule: Rule): Request {
  const source = rule.source === undefined ? undefined : parsePrefix(rule.source);
  const destination = rule.destination === undefined ? undefined : parsePrefix(rule.destination);
  const action = rule.action ?? 'table';
  return {
    operation: `ip ${describeRule(rule).replace('WORD', word)}`,
    type,
    flags,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => {
        view.writeUInt8(familyOf(rule.version), 0);
        view.writeUInt8(destination?.length ?? 0, 1);
        view.writeUInt8(source?.length ?? 0, 2);
        view.writeUInt8(ACTIONS[action], 7);
        view.writeUInt32LE(rule.invert ? FIB_RULE_INVERT : 0, 8);
      });
      if (action === 'table') writer.u32(FRA.TABLE, rule.table ?? MAIN_TABLE);
      if (destination) writer.data(FRA.DST, destination.bytes);
      if (source) writer.data(FRA.SRC, source.bytes);
      if (rule.priority !== undefined) writer.u32(FRA.PRIORITY, rule.priority);
      if (rule.mark !== undefined) writer.u32(FRA.FWMARK, rule.mark);
      if (rule.mask !== undefined) writer.u32(FRA.FWMASK, rule.mask);
      if (rule.inputLink !== undefined) writer.string(FRA.IIFNAME, rule.inputLink);
      if (rule.outputLink !== undefined) writer.string(FRA.OIFNAME, rule.outputLink);
      if (rule.protocol !== undefined) writer.u8(FRA.PROTOCOL, rule.protocol);
    },
  };
}

export function addRule(rule: Rule): Request {
  return ruleRequest(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, 'add', rule);
}

/** Removes the first rule that agrees with all that is given. */
export function deleteRule(rule: Rule): Request {
  return ruleRequest(RTM_DELRULE, 0, 'delete', rule);
}

export function dumpRules(version: IpVersion): Request {
  return {
    operation: `ip -${version} rule show`,
    type: RTM_GETRULE,
    flags: 0,
    write: (writer) => writer.struct(HEADER_LENGTH, (view) => view.writeUInt8(familyOf(version), 0)),
  };
}

/** Reads an RTM_NEWRULE or RTM_DELRULE message; undefined for other families. */
export function decodeRule({ payload }: Message): Rule | undefined {
  const family = payload.readUInt8(0);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = decodeAttributes(payload, HEADER_LENGTH);
  const number = (type: number): number | undefined => attributes.get(type)?.readUInt32LE(0);
  const text = (type: number): string | undefined => {
    const value = attributes.get(type);
    return value && decodeString(value);
  };
  const action = (Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]).find((name) => ACTIONS[name] === payload.readUInt8(7));
  const source = attributes.get(FRA.SRC);
  const destination = attributes.get(FRA.DST);
  const rule: Rule = { version: family === AF_INET ? 4 : 6, priority: number(FRA.PRIORITY) ?? 0 };
  const mark = number(FRA.FWMARK);
  const mask = number(FRA.FWMASK);
  const table = number(FRA.TABLE) ?? payload.readUInt8(4);
  const protocol = attributes.get(FRA.PROTOCOL)?.[0];
  const inputLink = text(FRA.IIFNAME);
  const outputLink = text(FRA.OIFNAME);
  if (source) rule.source = formatPrefix(source, payload.readUInt8(2));
  if (destination) rule.destination = formatPrefix(destination, payload.readUInt8(1));
  if (inputLink) rule.inputLink = inputLink;
  if (outputLink) rule.outputLink = outputLink;
  if (mark !== undefined) rule.mark = mark;
  if (mask !== undefined && mask !== 0xffffffff) rule.mask = mask;
  if (payload.readUInt32LE(8) & FIB_RULE_INVERT) rule.invert = true;
  if (action && action !== 'table') rule.action = action;
  else if (table !== MAIN_TABLE) rule.table = table;
  if (protocol) rule.protocol = protocol;
  return rule;
}
