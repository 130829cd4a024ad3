/** The topology as lines of text. Pure. */
import { type HostNode, rackTitle, type Topology, waysText } from './topology.ts';

interface Line {
  text: string;
  below: Line[];
}

export function topologyTree({ racks, within, between, routers }: Topology): string {
  if (racks.length === 0) return 'No host is known yet: weir agent makes its own when it starts.\n';
  const lines = racks.map((rack): Line => ({ text: rackTitle(rack), below: rack.hosts.map(hostLine) }));
  const ways = [
    ...(Object.keys(within).length > 0 ? [`within a subnet    ${waysText(within)}`] : []),
    ...(Object.keys(between).length > 0 ? [`between subnets    ${waysText(between)}`] : []),
    ...routers.map(({ name, address, asNumber }) => `router             ${name}, ${address}, AS ${asNumber}`),
  ];
  const trees = lines.map((line) => draw(line).join('\n'));
  return `${[...trees, ...(ways.length > 0 ? [ways.join('\n')] : [])].join('\n\n')}\n`;
}

function hostLine({ name, addresses, state, endpoints, pools, flannel, sessions, problems }: HostNode): Line {
  const what = [...addresses, state === 'up' ? 'up' : state.toUpperCase(), `${endpoints} endpoint${endpoints === 1 ? '' : 's'}`];
  return {
    text: `${name}  ${what.join('  ')}`,
    below: [
      ...pools.map(({ pool, blocks, used }) => leaf(`pool ${pool}: ${blocks.join(', ')}; ${used} in use`)),
      ...(flannel.length > 0 ? [leaf(`flannel lease ${flannel.join(', ')}`)] : []),
      ...sessions.map(({ peer, address, asNumber, state: of }) => leaf(`BGP ${peer}, ${address}, AS ${asNumber}: ${of}`)),
      ...problems.map((problem) => leaf(`problem: ${problem}`)),
    ],
  };
}

const leaf = (text: string): Line => ({ text, below: [] });

function draw({ text, below }: Line): string[] {
  const parts = below.flatMap((line, index) => {
    const isLast = index === below.length - 1;
    const [first = '', ...rest] = draw(line);
    return [`${isLast ? '└─' : '├─'} ${first}`, ...rest.map((one) => `${isLast ? '  ' : '│ '} ${one}`)];
  });
  return [text, ...parts];
}
