import { Netlink } from '../netlink/netlink.ts';
import { Nftables } from '../nftables/nftables.ts';
import { temporaryNamespace } from './temporary-namespace.ts';

/** Path of a new namespace whose loopback is up and whose packets are tracked; gone when the test is over. */
export function trackedNamespace(t: Parameters<typeof temporaryNamespace>[0]): string {
  const namespace = temporaryNamespace(t);
  using netlink = Netlink.open({ namespace });
  netlink.setLink('lo', { up: true });
  using nftables = Nftables.open({ namespace });
  nftables.run(
    'add table inet track\nadd chain inet track output { type filter hook output priority 0; }\nadd rule inet track output ct state new accept',
  );
  return namespace;
}
