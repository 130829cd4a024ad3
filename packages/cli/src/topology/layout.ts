/** Where everything stands in the picture, in pixels. Pure. */
import type { HostNode, Rack, Topology } from './topology.ts';

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Card extends Box {
  host: HostNode;
  lines: string[];
}

export interface RackBox extends Box {
  rack: Rack;
  cards: Card[];
}

export interface RouterBox extends Box {
  index: number;
}

export interface Layout {
  width: number;
  height: number;
  routers: RouterBox[];
  /** The network between the subnets; absent where there is one. */
  fabric?: Box;
  racks: RackBox[];
  legendY: number;
}

export const MARGIN = 32;
const TITLE_HEIGHT = 56;
export const LINE_HEIGHT = 18;
export const CARD_PADDING = 14;
export const CARD_HEAD = 46;
const RACK_HEAD = 60;
const CARD_WIDTH = 290;
const CARD_GAP = 14;
const RACK_PADDING = 16;
const RACK_GAP = 32;
const ROUTER = { width: 210, height: 52, gap: 24 };
/** Room for the lines between two rows of boxes. */
const ROW_GAP = 56;
const FABRIC_HEIGHT = 48;
const LEGEND_HEIGHT = 64;
/** A rack with more hosts stands in several columns. */
const HOSTS_PER_COLUMN = 6;
/** More lines of a card are told by their number. */
const MAX_LINES = 6;
const CHARACTERS = 38;

export function layoutOf({ racks, routers, between }: Topology): Layout {
  const hasFabric = racks.length > 1 || Object.keys(between).length > 0;
  let y = MARGIN + TITLE_HEIGHT;
  const routersY = y;
  if (routers.length > 0) y += ROUTER.height + ROW_GAP;
  const fabricY = y;
  if (hasFabric) y += FABRIC_HEIGHT + ROW_GAP;
  let x = MARGIN;
  const boxes = racks.map((rack) => {
    const box = rackBox(rack, x, y);
    x += box.width + RACK_GAP;
    return box;
  });
  y += Math.max(0, ...boxes.map(({ height }) => height)) + RACK_GAP;
  const routersWidth = routers.length * (ROUTER.width + ROUTER.gap) - ROUTER.gap;
  const inner = Math.max(...boxes.map((box) => box.x + box.width - MARGIN), routersWidth, 640);
  const routersX = MARGIN + (inner - routersWidth) / 2;
  return {
    width: inner + 2 * MARGIN,
    height: y + LEGEND_HEIGHT,
    routers: routers.map((_, index) => ({
      index,
      ...{ x: routersX + index * (ROUTER.width + ROUTER.gap), y: routersY, width: ROUTER.width, height: ROUTER.height },
    })),
    ...(hasFabric && { fabric: { x: MARGIN, y: fabricY, width: inner, height: FABRIC_HEIGHT } }),
    racks: boxes,
    legendY: y,
  };
}

function rackBox(rack: Rack, x: number, y: number): RackBox {
  const columns = Math.max(1, Math.ceil(rack.hosts.length / HOSTS_PER_COLUMN));
  const perColumn = Math.ceil(rack.hosts.length / columns);
  const heights = Array.from({ length: columns }, () => y + RACK_HEAD);
  const cards = rack.hosts.map((host, index): Card => {
    const column = Math.floor(index / perColumn);
    const lines = cardLines(host);
    const height = CARD_HEAD + lines.length * LINE_HEIGHT + CARD_PADDING;
    const top = heights[column]!;
    heights[column] = top + height + CARD_GAP;
    return { host, lines, x: x + RACK_PADDING + column * (CARD_WIDTH + CARD_GAP), y: top, width: CARD_WIDTH, height };
  });
  const width = 2 * RACK_PADDING + columns * CARD_WIDTH + (columns - 1) * CARD_GAP;
  return { rack, cards, x, y, width, height: Math.max(...heights) - CARD_GAP + RACK_PADDING - y };
}

/** What stands below a host's name and address. */
export function cardLines({ endpoints, pools, flannel, sessions, problems }: HostNode): string[] {
  const up = sessions.filter(({ isUp }) => isUp).length;
  const blocks = pools.flatMap(({ pool, blocks: cidrs, used }) =>
    cidrs.map((cidr, index) => `${pool}  ${cidr}${index === 0 ? `  ${used} in use` : ''}`),
  );
  const lines = [
    `${endpoints} endpoint${endpoints === 1 ? '' : 's'}`,
    ...blocks,
    ...flannel.map((subnet) => `flannel  ${subnet}`),
    ...(sessions.length > 0 ? [`BGP  ${up} of ${sessions.length} sessions established`] : []),
    ...problems.slice(0, 1).map((problem) => `! ${problem}`),
  ];
  const shown = lines.length > MAX_LINES ? [...lines.slice(0, MAX_LINES - 1), `and ${lines.length - MAX_LINES + 1} more`] : lines;
  return shown.map((line) => (line.length > CHARACTERS ? `${line.slice(0, CHARACTERS - 1)}…` : line));
}
