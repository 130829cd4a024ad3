import { z } from 'zod';
import { ADDRESS_BITS, familyOf, parseCidr } from '../address/address.ts';
import { NAMES } from '../metadata.ts';
import { selectorText } from '../selector/field.ts';
import { acrossFields, failed, field, oneOf, type Report, text } from '../validation/field.ts';
import { ValidationError } from '../validation/validation-error.ts';

/** Addresses to hand out to containers. Hosts take them block by block. */
export interface PoolSpec {
  cidr: string;
  /** Prefix length of a block: 20 to 32, default 26, for IPv4; 116 to 128, default 122, for IPv6. */
  blockSize: number;
  /** No new addresses from this pool. Those that were given out stay valid. Default false. */
  disabled: boolean;
  /**
   * How packets for its containers get to another host: as they are (`Never`), within VXLAN packets from host to host (`Always`), or so
   * only to hosts that are on no subnet of this host (`CrossSubnet`). Default `Never`.
   */
  vxlan: VxlanMode;
  /** Its containers reach addresses that are in no pool under the address of their host. Default false. */
  natOutgoing: boolean;
  /**
   * Who may begin a flow to its containers: the cluster's hosts and containers alone (`Private`), or whoever has a route (`Routed`);
   * `Exported` are also announced to the fabric. Default `Routed`.
   */
  visibility: Visibility;
  /**
   * How hosts get their routes to its blocks of others: `Blocks`, from the store; `Bgp`, from each other and the fabric. `None` is for a link that containers share with each other and their gateway, as under `bridge` and
   * `macvlan`: there the subnet of the link leads to them. `Flannel` is for a flannel network that hosts have joined: a host takes blocks
   * within its own lease alone, and routes lead to leases. Default `Blocks`.
   */
  routes: 'Blocks' | 'Bgp' | 'None' | 'Flannel';
  /** Name of the Network whose own address space it is of: for its containers alone, and for none of another. Absent: of the shared one. */
  network?: string;
  /** Labels of the hosts whose containers may have addresses of this pool; all when absent. */
  hostSelector?: string;
  /** Labels of the endpoints that may have them; all when absent. */
  selector?: string;
  /** Labels of the namespaces whose endpoints may have them; all when absent. */
  namespaceSelector?: string;
}

export type VxlanMode = 'Never' | 'Always' | 'CrossSubnet';
export type Visibility = 'Private' | 'Routed' | 'Exported';

const BLOCK_SIZES = {
  IPv4: { minimum: 20, maximum: 32, preset: 26 },
  IPv6: { minimum: 116, maximum: 128, preset: 122 },
};

export const poolSpecSchema: z.ZodType<PoolSpec> = acrossFields(
  z.strictObject({
    cidr: field(parseCidr),
    blockSize: field(parseBlockSize, { type: 'integer' }).optional(),
    disabled: z.boolean().prefault(false),
    vxlan: oneOf('Never', 'Always', 'CrossSubnet').prefault('Never'),
    natOutgoing: z.boolean().prefault(false),
    visibility: oneOf('Private', 'Routed', 'Exported').prefault('Routed'),
    routes: oneOf('Blocks', 'Bgp', 'None', 'Flannel').prefault('Blocks'),
    network: text({ ...NAMES.chosen, what: 'network name' }).optional(),
    hostSelector: selectorText({ empty: 'all()' }).optional(),
    selector: selectorText({ empty: 'all()' }).optional(),
    namespaceSelector: selectorText({ empty: 'all()' }).optional(),
  }),
  ({ cidr, blockSize, network, ...rest }, report) => {
    if (network !== undefined) refuseWaysOut(rest, report);
    if (rest.routes === 'Flannel' && !failed(rest.vxlan) && rest.vxlan !== 'Never')
      report(
        ['vxlan'],
        `${JSON.stringify(rest.vxlan)} does not go with spec.routes: Flannel, whose backend says how packets get to another host; expected Never`,
      );
    if (rest.routes === 'Bgp' && !failed(rest.vxlan) && rest.vxlan !== 'Never')
      report(['vxlan'], `${JSON.stringify(rest.vxlan)} does not go with spec.routes: BGP tells of ways without tunnels; expected Never`);
    if (rest.routes === 'None' && rest.visibility === 'Exported')
      report(
        ['visibility'],
        '"Exported" does not go with spec.routes: None: the subnet of the link leads to its containers, not their hosts',
      );
    if (typeof cidr !== 'string') return;
    const { minimum, maximum, preset } = BLOCK_SIZES[familyOf(cidr)];
    const size = typeof blockSize === 'number' ? blockSize : preset;
    const prefixLength = Number(cidr.slice(cidr.indexOf('/') + 1));
    if (size < minimum || size > maximum) {
      report(['blockSize'], `${size} is no block size for ${familyOf(cidr)}: expected a prefix length from ${minimum} to ${maximum}`);
    } else if (size < prefixLength) {
      report(['blockSize'], `a /${size} block is larger than the pool ${cidr}: expected ${Math.max(minimum, prefixLength)} to ${maximum}`);
    }
  },
).transform(({ cidr, blockSize, ...rest }) => ({ cidr, blockSize: blockSize ?? BLOCK_SIZES[familyOf(cidr)].preset, ...rest }));

/** What these fields are about does not happen there. */
const WITHIN = { vxlan: 'Never', natOutgoing: false, visibility: 'Routed', routes: 'Blocks' } as const;

function refuseWaysOut(spec: Partial<PoolSpec>, report: Report): void {
  for (const [name, preset] of Object.entries(WITHIN)) {
    const value = spec[name as keyof typeof WITHIN];
    if (value === preset || failed(value)) continue;
    report(
      [name],
      `${JSON.stringify(value)} does not go with spec.network: no packet leaves a network with its own address space on this host; leave it out`,
    );
  }
}

function parseBlockSize(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= ADDRESS_BITS.IPv6) return value;
  throw ValidationError.of(value, 'is no block size', 'expected a prefix length, 20 to 32 for IPv4 or 116 to 128 for IPv6');
}
