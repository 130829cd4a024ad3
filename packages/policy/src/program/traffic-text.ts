import { isIcmp, parseProtocol } from '@weir/resources';
import type { Range, Ranges } from '../ranges/range.ts';
import { isWhole, type Plane, type Region, type Row, regionComplement } from '../ranges/region.ts';
import { planeOf } from './traffic.ts';
import type { AllowedTraffic } from './traffic-class.ts';

/** Allowed traffic in words: `everything`, `nothing`, `TCP 80,8000-8080; UDP 53`, `everything except TCP 22`. */
export function trafficText({ family, others, protocols }: AllowedTraffic): string {
  const parts = [...protocols].map(([protocol, region]) => {
    const plane = planeOf(protocol, family);
    return protocolText(protocol, others ? regionComplement(region, plane) : region, plane);
  });
  if (parts.length === 0) return others ? 'everything' : 'nothing';
  return others ? `everything except ${parts.join('; ')}` : parts.join('; ');
}

function protocolText(protocol: number, region: Region, plane: Plane): string {
  const parsed = parseProtocol(protocol);
  const name = typeof parsed === 'number' ? `protocol ${parsed}` : parsed;
  if (isWhole(region, plane)) return name;
  return region.map((row) => `${name} ${isIcmp(parsed) ? messageText(row, plane) : portsText(row, plane)}`).join('; ');
}

function portsText({ first, second }: Row, plane: Plane): string {
  const from = isAll([first], plane.first) ? '' : `from port ${rangesText([first])}`;
  const to = isAll(second, plane.second) ? '' : rangesText(second);
  return [from, from !== '' && to !== '' ? `to ${to}` : to].filter((part) => part !== '').join(' ');
}

function messageText({ first, second }: Row, plane: Plane): string {
  const type = `type ${rangesText([first])}`;
  return isAll(second, plane.second) ? type : `${type} code ${rangesText(second)}`;
}

function isAll(ranges: Ranges, [first, last]: Range): boolean {
  const [only, more] = ranges;
  return only !== undefined && more === undefined && only[0] === first && only[1] === last;
}

function rangesText(ranges: Ranges): string {
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',');
}
