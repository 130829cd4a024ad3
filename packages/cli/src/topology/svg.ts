/** The topology as an SVG picture that needs nothing but itself. Pure. */
import { CARD_HEAD, CARD_PADDING, type Card, type Layout, LINE_HEIGHT, layoutOf, MARGIN, type RackBox } from './layout.ts';
import { MODES, type Mode, type Router, rackTitle, type Topology, type Ways } from './topology.ts';

const INK = '#1f2933';
const FAINT = '#616e7c';
const COLOURS: Readonly<Record<Mode, string>> = { native: '#2f855a', vxlan: '#2b6cb0', bgp: '#b7791f', flannel: '#6b46c1' };
const MEANING: Readonly<Record<Mode, string>> = {
  native: 'native: routes to the hosts',
  vxlan: 'vxlan: tunnels between hosts',
  bgp: 'bgp: as the routing daemon is told',
  flannel: 'flannel: as the leases say',
};
const STATES = {
  up: { line: '#c3cfd9', fill: '#ffffff', dot: '#38a169', label: '' },
  degraded: { line: '#d69e2e', fill: '#fffdf5', dot: '#d69e2e', label: 'degraded' },
  down: { line: '#e53e3e', fill: '#fdf3f3', dot: '#e53e3e', label: 'down' },
} as const;
/** Between two lines that run side by side. */
const TRACK = 10;

export function topologySvg(topology: Topology, { title }: { title: string }): string {
  const layout = layoutOf(topology);
  const { width, height } = layout;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Inter, 'DejaVu Sans', Arial, sans-serif" font-size="13" fill="${INK}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#f7f9fb"/>`,
    text(MARGIN, MARGIN + 20, title, { size: 20, weight: 600 }),
    text(MARGIN, MARGIN + 40, summary(topology), { fill: FAINT }),
    ...sessions(topology, layout),
    ...ways(topology, layout),
    ...layout.routers.map((box) => router(topology.routers[box.index]!, box)),
    ...(layout.fabric ? [fabric(topology.between, layout.fabric)] : []),
    ...layout.racks.flatMap((box) => rack(box, topology.within)),
    ...legend(topology, layout.legendY),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function summary({ racks }: Topology): string {
  const hosts = racks.flatMap((one) => one.hosts);
  const down = hosts.filter(({ state }) => state === 'down').length;
  const endpoints = hosts.reduce((sum, host) => sum + host.endpoints, 0);
  return [
    counted(hosts.length, 'host'),
    counted(racks.length, 'subnet'),
    counted(endpoints, 'endpoint'),
    ...(down > 0 ? [`${down} down`] : []),
  ].join('  ·  ');
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

interface PlacedBox {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** From each subnet to the network between them, a line for each mode. */
function ways({ between }: Topology, { fabric: bar, racks }: Layout): string[] {
  if (bar === undefined) return [];
  const modes = modesOf(between);
  const used: { mode?: Mode; colour: string }[] =
    modes.length === 0 ? [{ colour: '#9aa5b1' }] : modes.map((mode) => ({ mode, colour: COLOURS[mode] }));
  return racks.flatMap((box) =>
    used.map(({ mode, colour }, index) => {
      const x = box.x + box.width / 2 + (index - (used.length - 1) / 2) * TRACK;
      const dash = mode === 'vxlan' || mode === 'flannel' ? ' stroke-dasharray="7 4"' : '';
      return `<path d="M${x} ${bar.y + bar.height} V${box.y}" stroke="${colour}" stroke-width="3" fill="none"${dash}/>`;
    }),
  );
}

/** From each subnet to the routers that its hosts speak BGP with: whole where all sessions are up. */
function sessions({ routers }: Topology, { routers: boxes, racks, fabric: bar }: Layout): string[] {
  return racks.flatMap((box, index) =>
    boxes.flatMap((place) => {
      const { address } = routers[place.index]!;
      const all = box.rack.hosts.flatMap((host) => host.sessions.filter((session) => session.address === address));
      if (all.length === 0) return [];
      const up = all.filter(({ isUp }) => isUp).length;
      const colour = up === all.length ? COLOURS.bgp : '#e53e3e';
      const from = { x: place.x + place.width / 2 + (index - (racks.length - 1) / 2) * 16, y: place.y + place.height };
      const to = { x: box.x + box.width / 2 - 40 - place.index * 34, y: box.y };
      const middle = bar === undefined ? (from.y + to.y) / 2 : from.y + 14 + (place.index * racks.length + index) * 4;
      const label = text(to.x - 5, to.y - 8, `${up}/${all.length}`, { size: 11, fill: colour, anchor: 'end' });
      return [
        `<path d="M${from.x} ${from.y} V${middle} H${to.x} V${to.y}" stroke="${colour}" stroke-width="1.6" fill="none"${up === all.length ? '' : ' stroke-dasharray="3 4"'}/>`,
        label,
      ];
    }),
  );
}

function router({ name, address, asNumber }: Router, box: PlacedBox): string {
  return [
    rect(box, { fill: '#fffaf0', stroke: COLOURS.bgp }),
    text(box.x + box.width / 2, box.y + 22, name, { weight: 600, anchor: 'middle' }),
    text(box.x + box.width / 2, box.y + 40, `${address}  ·  AS ${asNumber}`, { size: 12, fill: FAINT, anchor: 'middle' }),
  ].join('\n');
}

function fabric(between: Ways, box: PlacedBox): string {
  const said = Object.entries(between).map(([mode, pools]) => `${mode}: ${shortened(pools)}`);
  const what = said.length === 0 ? 'no host has a block yet' : said.join('   ');
  return [
    rect(box, { fill: '#e4eaf0', stroke: '#c3cfd9' }),
    text(box.x + box.width / 2, box.y + 20, 'between subnets', { size: 12, fill: FAINT, anchor: 'middle' }),
    text(box.x + box.width / 2, box.y + 38, what, { anchor: 'middle' }),
  ].join('\n');
}

const shortened = (pools: readonly string[]): string =>
  pools.length > 3 ? `${pools.slice(0, 3).join(', ')} and ${pools.length - 3} more` : pools.join(', ');

function rack(box: RackBox, within: Ways): string[] {
  const modes = box.cards.length < 2 || box.rack.subnets.length === 0 ? [] : modesOf(within);
  const inside = modes.map(
    (mode) => `<tspan fill="${COLOURS[mode]}" font-weight="600">${mode}</tspan> ${escaped(shortened(within[mode]!))}`,
  );
  return [
    rect(box, { fill: '#eef2f6', stroke: '#c3cfd9', radius: 10 }),
    text(box.x + 16, box.y + 27, clipped(rackTitle(box.rack), box.width - 32), { weight: 600 }),
    ...(inside.length === 0
      ? []
      : [
          `<text x="${box.x + 16}" y="${box.y + 46}" font-size="12" fill="${FAINT}" xml:space="preserve">within: ${inside.join('   ')}</text>`,
        ]),
    ...box.cards.map(card),
  ];
}

function card({ host, lines, ...box }: Card): string {
  const state = STATES[host.state];
  const right = box.x + box.width - CARD_PADDING;
  return [
    rect(box, { fill: state.fill, stroke: state.line, dashed: host.state === 'down' }),
    `<circle cx="${box.x + CARD_PADDING + 5}" cy="${box.y + 19}" r="5" fill="${state.dot}"/>`,
    text(box.x + CARD_PADDING + 18, box.y + 24, clipped(host.name, box.width - 110), { weight: 600, size: 14 }),
    text(right, box.y + 24, state.label, { size: 12, fill: state.dot, anchor: 'end', weight: 600 }),
    text(box.x + CARD_PADDING, box.y + 43, host.addresses.join('  '), { size: 12, fill: FAINT }),
    ...lines.map((line, index) =>
      text(box.x + CARD_PADDING, box.y + CARD_HEAD + (index + 1) * LINE_HEIGHT, line, {
        size: 12,
        fill: line.startsWith('! ') ? state.dot : INK,
      }),
    ),
  ].join('\n');
}

function legend({ within, between, routers }: Topology, y: number): string[] {
  const used = MODES.filter((mode) => mode in within || mode in between);
  const entries = used.map((mode) => ({
    colour: COLOURS[mode],
    dash: mode === 'vxlan' || mode === 'flannel' ? '7 4' : '',
    what: MEANING[mode],
  }));
  if (routers.length > 0) entries.push({ colour: COLOURS.bgp, dash: '', what: 'BGP sessions: established of all' });
  if (routers.length > 0) entries.push({ colour: '#e53e3e', dash: '3 4', what: 'one is not established' });
  let x = MARGIN;
  return entries.map(({ colour, dash, what }) => {
    const at = x;
    x += 52 + what.length * 7;
    return [
      `<path d="M${at} ${y + 16} h28" stroke="${colour}" stroke-width="3"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}/>`,
      text(at + 36, y + 20, what, { size: 12, fill: FAINT }),
    ].join('\n');
  });
}

/** Bold text of 13 pixels takes some 8 a character. */
const clipped = (what: string, width: number): string => (what.length * 8 > width ? `${what.slice(0, Math.floor(width / 8) - 1)}…` : what);

const modesOf = (of: Ways): Mode[] => MODES.filter((mode) => mode in of);

function rect(
  { x, y, width, height }: PlacedBox,
  { fill, stroke, radius = 8, dashed = false }: { fill: string; stroke: string; radius?: number; dashed?: boolean },
): string {
  const dash = dashed ? ' stroke-dasharray="6 4"' : '';
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" fill="${fill}" stroke="${stroke}" stroke-width="1.5"${dash}/>`;
}

interface TextStyle {
  size?: number;
  weight?: number;
  fill?: string;
  anchor?: 'middle' | 'end';
}

function text(x: number, y: number, what: string, { size, weight, fill, anchor }: TextStyle = {}): string {
  if (what === '') return '';
  const style = [
    ...(size === undefined ? [] : [`font-size="${size}"`]),
    ...(weight === undefined ? [] : [`font-weight="${weight}"`]),
    ...(fill === undefined ? [] : [`fill="${fill}"`]),
    ...(anchor === undefined ? [] : [`text-anchor="${anchor}"`]),
  ];
  return `<text x="${x}" y="${y}"${style.map((one) => ` ${one}`).join('')} xml:space="preserve">${escaped(what)}</text>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

const escaped = (what: string): string => what.replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!);
