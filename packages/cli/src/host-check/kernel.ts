/** Whether this host's kernel does what Weir needs of it: tried out in a network namespace that is made for it and goes again. */
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { Conntrack, createNamespace, deleteNamespace, Netlink, Nftables, NftSocket, PacketLog, PacketQueue, sysctl } from '@weir/kernel';
import { baseTable, bridgeTable, DNS_QUEUE, PACKET_LOG_GROUP } from '@weir/policy';
import { type Check, failed, ok, skipped, warning } from './check.ts';

const OLDEST_KERNEL = [5, 10] as const;
/** Older ones are not tried by our tests. */
const OLDEST_NFTABLES = [1, 0, 6] as const;

/** What the ruleset is made of, by the kernel module that has it. */
const EXPRESSIONS = {
  nft_ct: 'ct state established accept',
  nft_fib_inet: 'fib daddr type local accept',
  nft_limit: 'limit rate 1/second',
  nft_log: 'log prefix "weir"',
  nfnetlink_log: 'log group 9480',
  nft_reject_inet: 'reject with icmpx type port-unreachable',
} as const;

/** What only services need. */
const BALANCING = {
  nft_numgen: 'meta mark set numgen random mod 2',
  nft_hash: 'meta mark set jhash ip saddr mod 2',
} as const;

const AFTER_BOOT = 'it has to be there after a boot too: /etc/modules-load.d';

export async function checkKernel(): Promise<Check[]> {
  const checks = [kernelVersion(), ...(await inScratchNamespace()), ...parameters(), ...otherFirewalls()];
  return process.geteuid?.() === 0 ? checks : [failed('root', 'this is not root', 'run it with sudo'), ...checks];
}

function kernelVersion(): Check {
  const found = release();
  return isAtLeast(found, OLDEST_KERNEL)
    ? ok('kernel', `Linux ${found}`)
    : failed('kernel', `Linux ${found}`, `boot a kernel of version ${OLDEST_KERNEL.join('.')} or newer`);
}

async function inScratchNamespace(): Promise<Check[]> {
  const namespace = `/run/netns/weir-verify-${process.pid}`;
  try {
    createNamespace(namespace);
  } catch (error) {
    return [failed('network namespaces', (error as Error).message, 'run as root, on a kernel with CONFIG_NET_NS')];
  }
  try {
    return [
      ok('network namespaces', 'one was made and is gone again'),
      ...links(namespace),
      ...nftables(namespace),
      packetLog(namespace),
      ...queues(namespace),
      await conntrack(namespace),
    ];
  } finally {
    deleteNamespace(namespace);
  }
}

function links(namespace: string): Check[] {
  using netlink = Netlink.open({ namespace });
  return [
    attempt('veth', 'modprobe veth; it has to be there after a boot too: /etc/modules-load.d', () => {
      netlink.addVeth({ name: 'weir0', peer: { name: 'eth0' } });
      netlink.addAddress('eth0', '192.0.2.2/32');
    }),
    attempt(
      'IPv6',
      'boot without ipv6.disable=1, or use pools of IPv4 only',
      () => netlink.addAddress('weir0', '2001:db8::1/128'),
      warning,
    ),
    attempt(
      'vxlan',
      'modprobe vxlan; only pools with encapsulation need it',
      () => netlink.addVxlan({ name: 'vxlan0', id: 4096, local: '192.0.2.2' }),
      warning,
    ),
  ];
}

function nftables(namespace: string): Check[] {
  let nft: Nftables;
  try {
    nft = Nftables.open({ namespace });
  } catch (error) {
    return [failed('libnftables', (error as Error).message, 'install it (Debian: apt-get install libnftables1)')];
  }
  using _ = nft;
  const found = nft.version();
  const tryOut = (expression: string) => nft.run(`table inet weir_try {\n chain try {\n ${expression}\n }\n}\ndelete table inet weir_try`);
  const expressions = [
    ...Object.entries(EXPRESSIONS).map(([module, expression]) =>
      attempt(module, `modprobe ${module}; ${AFTER_BOOT}`, () => tryOut(expression)),
    ),
    ...Object.entries(BALANCING).map(([module, expression]) =>
      attempt(module, `modprobe ${module}; only services need it; ${AFTER_BOOT}`, () => tryOut(expression), warning),
    ),
  ];
  // With all that a configuration can add to it.
  const { script } = baseTable({
    agentPorts: [5051],
    healthChecks: 'Always',
    vxlan: { port: 4789, vni: 4096 },
    flannel: { port: 8472, vni: 1 },
    dns: { addresses: ['169.254.1.53', 'fd77:6569:7200::53'], queries: 'Always' },
  });
  return [
    isAtLeast(found, OLDEST_NFTABLES)
      ? ok('libnftables', found)
      : warning('libnftables', `${found}, which Weir is not tested with`, `use ${OLDEST_NFTABLES.join('.')} or newer`),
    ...expressions,
    attempt(
      'ruleset',
      'the text above names what the kernel lacks: nf_tables with NAT, sets and maps (CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT)',
      () => nft.run(script),
    ),
    attempt(
      'policy over bridges',
      'modprobe br_netfilter, and nf_tables with CONFIG_NF_TABLES_BRIDGE; only networks with weir-policy over a bridge need them',
      () => {
        nft.run(bridgeTable().script);
        sysctl('net/bridge/bridge-nf-call-iptables', undefined, { namespace });
      },
      warning,
    ),
  ];
}

/** What the kernel hands to the agent of what is denied and allowed. */
function packetLog(namespace: string): Check {
  const nobody = { onPackets: () => {}, onLost: () => {}, onFailure: () => {} };
  return attempt(
    'packet log',
    `modprobe nfnetlink_log; without it weir flows has nothing to show; ${AFTER_BOOT}`,
    () => PacketLog.open({ ...nobody, group: PACKET_LOG_GROUP, namespace }).close(),
    warning,
  );
}

/** Where DNS answers wait for the agent, and the rule that leads there: nft's own, or iptables' target where the kernel has no other. */
function queues(namespace: string): Check[] {
  const listen = () => PacketQueue.open({ number: DNS_QUEUE, namespace, onPacket: () => {}, onFailure: () => {} }).close();
  const remedy = (modules: string) => `modprobe ${modules}; only rules with domains need it; ${AFTER_BOOT}`;
  const name = 'nft_queue or xt_NFQUEUE';
  const [own, target] = [false, true].map((asTarget) => attempt(name, remedy(name), () => addQueue(namespace, asTarget), warning)) as [
    Check,
    Check,
  ];
  return [
    attempt('nfnetlink_queue', remedy('nfnetlink_queue'), listen, warning),
    own.status === 'ok'
      ? ok(name, 'nft_queue works')
      : target.status === 'ok'
        ? ok(name, 'xt_NFQUEUE works; there is no nft_queue')
        : target,
  ];
}

function addQueue(namespace: string, asTarget: boolean): void {
  using nft = Nftables.open({ namespace });
  nft.run('table inet weir_try {\n chain try {\n }\n}');
  try {
    if (asTarget) {
      using socket = NftSocket.open({ namespace });
      const rules = [{ expressions: [{ kind: 'queue' as const, number: DNS_QUEUE, asTarget }] }];
      socket.apply({ family: 'inet', table: 'weir_try' }, [{ kind: 'rules', op: 'add', chain: 'try', rules }]);
    } else {
      nft.run(`add rule inet weir_try try queue num ${DNS_QUEUE} bypass`);
    }
  } finally {
    nft.run('delete table inet weir_try');
  }
}

async function conntrack(namespace: string): Promise<Check> {
  try {
    using table = Conntrack.open({ namespace });
    await table.list();
    return ok('conntrack', 'works');
  } catch (error) {
    const remedy = 'modprobe nf_conntrack_netlink: without it connections that policy no longer allows cannot be cut';
    return failed('conntrack', (error as Error).message, remedy);
  }
}

function parameters(): Check[] {
  return [...forwarding(), connectionLimit()];
}

function forwarding(): Check[] {
  return (['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'] as const)
    .filter((name) => existsSync(`/proc/sys/${name}`))
    .map((name) =>
      sysctl(name) === '1'
        ? ok(name.replaceAll('/', '.'), '1')
        : warning(
            name.replaceAll('/', '.'),
            '0',
            'the agent sets it when it starts; afterwards, look for what else sets it (/etc/sysctl.d)',
          ),
    );
}

/** A full connection table drops packets, and says so in the kernel's log only. */
function connectionLimit(): Check {
  const name = 'net.netfilter.nf_conntrack_max';
  try {
    const [limit, count] = [Number(sysctl(name)), Number(sysctl('net.netfilter.nf_conntrack_count'))];
    const found = `${count} of ${limit} connections`;
    return count > 0.8 * limit ? warning(name, found, `sysctl -w ${name}=${2 * limit}`) : ok(name, found);
  } catch {
    return skipped(name, 'connection tracking is not loaded yet');
  }
}

/** Accept in Weir's table does not overrule a drop in another. */
function otherFirewalls(): Check[] {
  const name = 'other firewalls';
  let nft: Nftables;
  try {
    nft = Nftables.open();
  } catch {
    return [];
  }
  using _ = nft;
  const dropping = nft
    .listRuleset()
    .flatMap(({ chain }) => (chain?.hook === 'forward' && chain.policy === 'drop' ? [`${chain.family} ${chain.table} ${chain.name}`] : []));
  return dropping.length === 0
    ? [ok(name, 'none drops what is forwarded')]
    : [
        warning(
          name,
          `dropped unless allowed there: ${dropping.join(', ')}`,
          'allow the addresses of your pools there, as source and as destination',
        ),
      ];
}

function attempt(name: string, remedy: string, work: () => void, otherwise = failed): Check {
  try {
    work();
    return ok(name, 'works');
  } catch (error) {
    return otherwise(name, (error as Error).message, remedy);
  }
}

function isAtLeast(version: string, oldest: readonly number[]): boolean {
  const parts = version.split(/[^\d]+/).map(Number);
  for (const [index, part] of oldest.entries()) if ((parts[index] ?? 0) !== part) return (parts[index] ?? 0) > part;
  return true;
}
