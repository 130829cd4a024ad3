import { z } from 'zod';
import { parseCidr } from '../address/address.ts';
import { DEFAULT_AS_NUMBER, parseAsNumber } from '../bgp/as-number.ts';
import { communityOf, parseCommunity } from '../bgp/community.ts';
import { parseHoldTime } from '../bgp/hold-time.ts';
import { type PasswordSource, passwordSourceSchema } from '../bgp/password.ts';
import { parsePortNumber } from '../rule/port.ts';
import { acrossFields, field, integer, text } from '../validation/field.ts';

/**
 * How the cluster's hosts speak BGP. There is one, named `default`; without it all has its defaults. A host speaks where there is somebody to
 * speak to: a BgpPeer that is for it, or other hosts, where a pool says `routes: Bgp`.
 */
export interface BgpConfigSpec {
  /** Of hosts that have none of their own. Default 64512. */
  asNumber: number;
  /** Whether each host has a session with each other one, for pools with `routes: Bgp`. Default true. */
  nodeMesh: boolean;
  /** TCP port that hosts listen on. Default 179. */
  port: number;
  /** A host that went silent is given up after so long, seconds: 0 (never) or 3 and more. For hosts among each other, and peers that say nothing else. Default 90. */
  holdSeconds: number;
  /** For so long peers keep a host's routes while its routing daemon starts anew, seconds. Default 120. */
  gracefulRestartSeconds: number;
  /** Of the sessions of the mesh. */
  meshPassword?: PasswordSource;
  /** Names for communities. */
  communities: { name: string; value: string }[];
  /** What routes within a CIDR are marked with when hosts announce them: communities, or names of them. */
  prefixAdvertisements: { cidr: string; communities: string[] }[];
  /** Ranges of services' addresses that each host announces to the fabric. */
  serviceAddresses: string[];
}

const NAME = {
  what: 'name of a community',
  pattern: /^[A-Za-z][A-Za-z0-9._-]{0,62}$/,
  allowed: 'a letter, then letters, digits, ".", "_" and "-"',
};

export const bgpConfigSpecSchema: z.ZodType<BgpConfigSpec> = acrossFields(
  z.strictObject({
    asNumber: field(parseAsNumber).prefault(DEFAULT_AS_NUMBER),
    nodeMesh: z.boolean().prefault(true),
    port: field(parsePortNumber).prefault(179),
    holdSeconds: field(parseHoldTime).prefault(90),
    gracefulRestartSeconds: integer({ what: 'time', minimum: 1, maximum: 4095 }).prefault(120),
    meshPassword: passwordSourceSchema.optional(),
    communities: z.array(z.strictObject({ name: text(NAME), value: field(parseCommunity) })).prefault([]),
    prefixAdvertisements: z.array(z.strictObject({ cidr: field(parseCidr), communities: z.array(z.string()).min(1) })).prefault([]),
    serviceAddresses: z.array(field(parseCidr)).prefault([]),
  }),
  ({ communities, prefixAdvertisements }, report) => {
    if (!Array.isArray(communities) || !Array.isArray(prefixAdvertisements)) return;
    const names = communities.map(({ name }) => name);
    names.forEach((name, index) => {
      if (names.indexOf(name) !== index) report(['communities', index, 'name'], `"${name}" is a name already`);
    });
    prefixAdvertisements.forEach(({ communities: marks }, index) => {
      marks.forEach((mark, position) => {
        if (communityOf(mark) === undefined && !names.includes(mark))
          report(
            ['prefixAdvertisements', index, 'communities', position],
            `"${mark}" is no community: expected one such as "65001:100" or "65001:1:100", or a name out of spec.communities`,
          );
      });
    });
  },
).prefault({});

/** The name of the only one. */
export const BGP_CONFIG_NAME = 'default';

/** What holds without an object. */
export const DEFAULT_BGP_CONFIG: Readonly<BgpConfigSpec> = bgpConfigSpecSchema.parse({});
