import test from 'ava';
import { baseTable } from './base-table.ts';
import { type TableUse, useOf } from './table-use.ts';

const NO_USE = useOf({ isUsed: () => false, links: false, policies: false });

const chainOf = (script: string, name: string) => script.split(`\n  chain ${name} {\n`)[1]?.split('\n  }')[0];

test('an interface of ours may send from its own addresses only, and what is not known is dropped', (t) => {
  const { script } = baseTable({ agentPorts: [5051], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } });
  t.is(
    chainOf(script, 'source'),
    [
      '    ip daddr 127.0.0.0/8 goto denied_source comment "no container reaches the loopback of its host"',
      '    iifname . ether saddr . ip saddr @sender4 goto asks',
      '    iifname . ether saddr . ip6 saddr @sender6 goto asks',
      '    iifname . ip saddr @source4 goto asks',
      '    iifname . ip6 saddr @source6 goto asks',
      '    ip6 saddr { ::, fe80::/10 } icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } drop comment "which groups it listens to is no flow"',
      '    iifname . ether saddr != @source_mac iifname != @any_mac goto denied_source comment "not the hardware address of this interface"',
      '    ip6 saddr { ::, fe80::/10 } ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } add @discovery_rate { iif limit rate over 2/second burst 20 packets } drop comment "one container does not fill the table of neighbours"',
      '    ip6 saddr { ::, fe80::/10 } ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } return comment "a container looks for its gateway"',
      '    ip6 saddr { ::, fe80::/10 } drop comment "what else neighbours say to each other is no flow"',
      '    goto denied_source comment "not an address of this interface, or an interface not yet known"',
    ].join('\n'),
  );
  for (const name of ['from', 'to'])
    t.regex(chainOf(script, name)!, /vmap @(from|to)_endpoint\n {4}goto denied_unknown comment "no endpoint is known here"$/);
});

test('the Mesos agent is reached whatever policy says, unless an operator narrows it', (t) => {
  const always = baseTable({ agentPorts: [5052, 5051, 5051], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } }).script;
  t.true(chainOf(always, 'from_to_host')!.includes('tcp dport { 5051, 5052 } accept'));
  t.false(chainOf(always, 'output')!.includes('jump to\n'));
  const narrowed = baseTable({ agentPorts: [], healthChecks: 'Policy', vxlan: { port: 4789, vni: 4096 } }).script;
  t.false(chainOf(narrowed, 'from_to_host')!.includes('tcp dport'));
  t.true(chainOf(narrowed, 'output')!.includes('oifname "weir*" jump to'));
  t.false(chainOf(always, 'postrouting')!.includes('jump'));
  t.true(chainOf(narrowed, 'postrouting')!.includes('ct status dnat oifname "weir*" fib saddr type local jump to'));
});

test('tunnels of a flannel network come from its hosts alone, and stay open for endpoints of the host', (t) => {
  const { script } = baseTable({
    agentPorts: [],
    healthChecks: 'Always',
    vxlan: { port: 4789, vni: 4096 },
    flannel: { port: 8472, vni: 1 },
  });
  t.regex(chainOf(script, 'input')!, /udp dport 4789 jump tunnels\n {4}udp dport 8472 jump flannel_tunnels\n/);
  t.regex(
    chainOf(script, 'flannel_tunnels')!,
    /ip saddr @flannel4 accept .*\n {4}ip6 saddr @flannel6 accept .*\n {4}@th,96,24 1 goto denied_tunnel/,
  );
  t.regex(chainOf(script, 'from_to_host')!, /udp dport 4789 goto denied_tunnel .*\n {4}udp dport 8472 goto denied_tunnel/);
  t.regex(script, /udp dport 8472 ip saddr @flannel4 notrack accept/);
  t.regex(chainOf(script, 'to_host')!, /udp dport \{ .*4789, 8472 \} accept/);
});

test("tunnels come from the cluster's hosts alone, and containers make none", (t) => {
  const { script } = baseTable({ agentPorts: [], healthChecks: 'Always', vxlan: { port: 8472, vni: 7 } });
  t.regex(chainOf(script, 'input')!, /accept;\n {4}udp dport 8472 jump tunnels\n/);
  t.regex(
    chainOf(script, 'tunnels')!,
    /^ {4}ip saddr @hosts4 accept .*\n {4}ip6 saddr @hosts6 accept .*\n {4}@th,96,24 7 goto denied_tunnel .*$/,
  );
  t.regex(
    chainOf(script, 'prerouting')!,
    /accept;\n {4}iifname "weir\*" goto source\n {4}iifname @adopted goto source\n {4}meta l4proto udp goto udp_of_others .*$/,
  );
  t.regex(
    chainOf(script, 'udp_of_others')!,
    /^ {4}udp dport 8472 ip saddr @hosts4 notrack accept .*\n {4}udp dport 8472 ip6 saddr @hosts6 notrack accept .*\n {4}goto asks$/,
  );
  t.regex(chainOf(script, 'untracked_output')!, /udp dport 8472 ip daddr @hosts4 notrack/);
  t.regex(chainOf(script, 'output')!, /accept;\n {4}udp dport 8472 ct state untracked accept/);
  t.regex(chainOf(script, 'from_to_host')!, /udp dport 8472 goto denied_tunnel .*\n {4}goto from$/);
  t.regex(
    chainOf(script, 'from')!,
    /ip daddr @hosts4 udp dport 8472 goto denied_tunnel .*\n {4}ip6 daddr @hosts6 udp dport 8472 goto denied_tunnel .*\n {4}udp dport 8472 @th,96,24 7 goto denied_tunnel .*\n {4}iifname vmap/,
  );
});

test("a host's DNS is reached by its containers whatever policy says, or as policy says, and by nobody else", (t) => {
  const addresses = ['169.254.1.53', 'fd77::53'];
  const options = { agentPorts: [], healthChecks: 'Always' as const, vxlan: { port: 4789, vni: 4096 } };
  const always = baseTable({ ...options, dns: { addresses, queries: 'Always' } }).script;
  t.regex(
    chainOf(always, 'from_to_host')!,
    /ip daddr 169\.254\.1\.53 meta l4proto \{ tcp, udp \} th dport 53 accept .*\n {4}ip6 daddr fd77::53 meta/,
  );
  const narrowed = baseTable({ ...options, dns: { addresses, queries: 'Policy' } }).script;
  t.false(chainOf(narrowed, 'from_to_host')!.includes('dport 53'));
  for (const script of [always, narrowed]) {
    t.regex(chainOf(script, 'input')!, /ip6 daddr fd77::53 jump own_dns\n {4}ct state established/, 'before what is established');
    t.regex(chainOf(script, 'own_dns')!, /iifname "lo" return\n {4}iifname "weir\*" goto dns_pace\n[\s\S]*goto denied_unknown/);
  }
  t.false(baseTable(options).script.includes('jump own_dns'));
});

test('what nothing uses is not hooked in', (t) => {
  const options = { agentPorts: [], healthChecks: 'Always' as const, vxlan: { port: 4789, vni: 4096 } };
  const scriptFor = (used: Partial<TableUse>) => baseTable({ ...options, use: { ...NO_USE, ...used } }).script;
  const hooks = (script: string) => [...script.matchAll(/type (\w+ hook \w+)/g)].map(([, hook]) => hook!);
  const least = scriptFor({ endpoints: true });
  t.deepEqual(new Set(hooks(least)), new Set(['filter hook prerouting', 'filter hook output', 'filter hook forward', 'filter hook input']));
  t.false(chainOf(least, 'prerouting')!.includes('@adopted'));
  t.false(least.includes('goto asks'));
  t.true(chainOf(scriptFor({ endpoints: true, adopted: true }), 'prerouting')!.includes('iifname @adopted goto source'));
  t.true(hooks(scriptFor({ endpoints: true, nat: true })).includes('nat hook prerouting'));
  t.regex(scriptFor({ endpoints: true, dnsClients: true }), /filter hook postrouting[\s\S]*goto asks/);
  t.regex(chainOf(scriptFor({ hostEndpoints: true }), 'output')!, /filter hook output priority filter[\s\S]*jump from_host/);
});

test('where nothing is asked of it, the table names no connections, and still looks after tunnels', (t) => {
  const { script } = baseTable({ agentPorts: [5051], healthChecks: 'Policy', vxlan: { port: 4789, vni: 4096 }, use: NO_USE });
  t.notRegex(script, /\bct (state|status|direction)|notrack|masquerade/);
  t.deepEqual(
    [...script.matchAll(/type (\w+ hook \w+)/g)].map(([, hook]) => hook),
    ['filter hook input', 'filter hook input'],
  );
  t.regex(chainOf(script, 'input')!, /udp dport 4789 jump tunnels$/);
});

test('a host interface that is not known is open, and failsafe ports come before all policy', (t) => {
  const failsafePorts = { inbound: ['tcp/2222', 'tcp/22', 'udp/68'], outbound: [] };
  const { script } = baseTable({ agentPorts: [], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 }, failsafePorts });
  t.regex(
    chainOf(script, 'to_host')!,
    /iifname "lo" return\n.*iifname "weir\*" return\n[\s\S]*tcp dport \{ 22, 2222 \} accept .*\n.*udp dport \{ 68, 4789 \} accept .*\n[\s\S]*iifname vmap @to_host\n[\s\S]*vmap @any_to_host$/,
  );
  t.regex(chainOf(script, 'from_host')!, /oifname "lo" return\n[\s\S]*\n {4}udp dport \{ 4789 \} accept/);
  t.false(chainOf(script, 'forward_in')!.includes('dport'));
  for (const [hook, chain] of [
    ['input', 'to_host'],
    ['output', 'from_host'],
    ['forward', 'forward_out'],
  ] as const) {
    t.regex(chainOf(script, hook)!, new RegExp(`\n {4}jump ${chain}(\n|$)`));
  }
});

test('the version follows from what is loaded, and comments fit', (t) => {
  const options = { agentPorts: [5051], healthChecks: 'Always' as const, vxlan: { port: 4789, vni: 4096 } };
  const { version, script } = baseTable(options);
  t.is(baseTable({ ...options, agentPorts: [5051, 5051] }).version, version);
  t.not(baseTable({ ...options, agentPorts: [1] }).version, version);
  t.true(script.includes(`return comment "${version}"`));
  // NFTNL_UDATA_COMMENT_MAXLEN
  for (const [, comment] of script.matchAll(/comment "([^"]*)"/g)) t.true(comment!.length <= 128);
});
