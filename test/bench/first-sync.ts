/**
 * `npm run bench:sync`: from all objects to the kernel, as an agent does it that starts: calculation, then one nfnetlink transaction into a
 * network namespace of its own; then the same by an agent that finds the table there, which has to read it; and changes. A cluster of 10,000
 * policies and 100,000 endpoints, 100 of them here, and lists of 100,000 and 1,000,000 nets, and of as many single addresses. Without store and links.
 */
import { execFileSync } from 'node:child_process';
import { Nftables, NftSocket } from '@weir/kernel';
import { baseTable, PolicyCalculator } from '@weir/policy';
import type { AnyObject } from '@weir/resources';
import { NftablesTable } from '../../packages/agent/src/dataplane/nftables-table.ts';
import { clusterObjects, endpointAt, HERE, listedObjects, type NetForm, netAt, networkSets } from './calc-objects.ts';
import { median, progress, type Row, report, spread } from './table.ts';

const SIZE = { policies: 10_000, endpoints: 100_000 };
const LISTED = (['nets', 'single addresses'] as const satisfies NetForm[]).flatMap((form) =>
  [100_000, 1_000_000].map((count) => ({ form, count })),
);
const CHANGES = 200;
const INSIDE = '--inside';

interface Case {
  name: string;
  objects: () => AnyObject[];
  /** Something else each time. */
  change: (round: number) => AnyObject;
}

const CASES: Case[] = [
  {
    name: 'cluster',
    objects: () => [...clusterObjects(SIZE)],
    change: (round) => endpointAt(SIZE.endpoints + round * SIZE.policies, SIZE),
  },
  ...LISTED.map(({ form, count }): Case => {
    const [first, ...others] = networkSets({ form, count });
    return {
      name: `${count.toLocaleString('en')} ${form}`,
      objects: () => [...listedObjects(), first!, ...others],
      change: (round) => ({ ...first!, spec: { nets: first!.spec.nets.with(0, netAt(count + round, form)) } }),
    };
  }),
];

const inside = process.argv.indexOf(INSIDE);
if (inside >= 0) process.stdout.write(JSON.stringify(measure(CASES.find(({ name }) => name === process.argv[inside + 1])!)));
else
  report(
    'sync',
    CASES.flatMap(({ name }) => inNamespace(name)),
  );

/** A process that unshares its network has a namespace without anything, which goes with it. */
function inNamespace(name: string): Row[] {
  progress(name);
  return JSON.parse(
    execFileSync('unshare', ['--net', process.execPath, import.meta.filename, INSIDE, name], { encoding: 'utf8' }),
  ) as Row[];
}

function measure({ name, objects, change }: Case): Row[] {
  const calculator = new PolicyCalculator({ host: HERE });
  for (const object of objects()) calculator.upsert(object);
  const base = baseTable({ agentPorts: [5051], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } });
  using nftables = Nftables.open();
  using socket = NftSocket.open();
  const open = () => new NftablesTable({ family: 'inet', table: 'weir' }, { nftables, socket });
  const table = open();
  const [calculation, first] = timed(() => calculator.flush());
  table.desire(first);
  const [transaction] = timed(() => table.bringInStep(base));
  const restarted = open();
  restarted.desire(first);
  const [restart] = timed(() => restarted.bringInStep(base));
  const changes = Array.from({ length: CHANGES }, (_, round) => {
    const object = change(round);
    return timed(() => {
      calculator.upsert(object);
      restarted.desire(calculator.flush());
      restarted.bringInStep(base);
    })[0];
  });
  return [
    { name: `${name}, ${first.set.size.toLocaleString('en')} statements: calculation`, value: calculation, unit: 'ms' },
    { name: `${name}: first transaction`, value: transaction, unit: 'ms' },
    { name: `${name}: table found, read and compared`, value: restart, unit: 'ms' },
    { name: `${name}: one more, p50 of ${CHANGES}`, value: median(changes), unit: 'ms', spread: spread(changes) },
    { name: `${name}: memory`, value: process.resourceUsage().maxRSS / 1024, unit: 'MiB' },
  ];
}

function timed<T>(action: () => T): [milliseconds: number, result: T] {
  const start = performance.now();
  const result = action();
  return [performance.now() - start, result];
}
