/** The table of a host as a version of Weir before this one might have left it: the same policy, kept otherwise. */
import { Nftables } from '@weir/kernel';
import type { LabHost } from '@weir/lab';

type Concatenation = { concat: (string | number)[] };

/**
 * Which address is whose is in sets of other names, nobody is asked who tells of errors, `flannel4` is of another type, and a hook more guards a server. Nothing of it changes
 * what passes now. What the agent did not get to, or what is a former table already, stays as it is.
 *
 * @param guarded only whoever is named by address here reaches it
 */
export function makeFormerTable(host: LabHost, guarded: { server: string; friends: string[] }): void {
  using nftables = Nftables.open({ namespace: host.namespace });
  const objects = nftables.list('inet weir') ?? [];
  const senders = (version: string) =>
    objects.find(({ set }) => set?.name === `sender${version}`)?.set?.elem as Concatenation[] | undefined;
  if (senders('4') === undefined || senders('6') === undefined || !objects.some(({ chain }) => chain?.name === 'source')) return;
  const elements = (version: string) => (senders(version) ?? []).map(({ concat: [name, ...rest] }) => [`"${name}"`, ...rest].join(' . '));
  const sets = ['4', '6'].flatMap((version) => [
    `add set inet weir former_sender${version} { type ifname . ether_addr . ipv${version}_addr; }`,
    ...elements(version).map((element) => `add element inet weir former_sender${version} { ${element} }`),
  ]);
  nftables.run(
    [
      'flush chain inet weir version',
      ...sets,
      'flush chain inet weir related',
      'flush chain inet weir source',
      'add rule inet weir source iifname . ether saddr . ip saddr @former_sender4 accept',
      'add rule inet weir source iifname . ether saddr . ip6 saddr @former_sender6 accept',
      'add rule inet weir source ip6 saddr { ::, fe80::/10 } ip6 hoplimit 255 return',
      'add rule inet weir source drop',
      'delete set inet weir sender4',
      'delete set inet weir sender6',
      'add chain inet weir former { type filter hook forward priority -3; policy accept; }',
      'flush chain inet weir former',
      'add rule inet weir former ct state established accept',
      `add rule inet weir former ip saddr { ${guarded.friends.join(', ')} } accept`,
      `add rule inet weir former ip daddr ${guarded.server} drop`,
      '',
    ].join('\n'),
  );
}
