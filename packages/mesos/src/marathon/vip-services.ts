/**
 * Pure: the Services that DC/OS' VIP labels of apps ask for. A label on a port, whose key begins with VIP, says `/name:port` or
 * `address:port` (`VIP_0: /web:80`); before ports had labels, one of the app said it of its port of some number (`vip_port0: tcp://web:80`).
 */
import {
  API_VERSION,
  APP_LABEL,
  familyOf,
  parseAddress,
  parseObject,
  type Service,
  type ServicePort,
  ValidationError,
} from '@weir/resources';
import type { AppPort, AppReading } from './app-definition.ts';
import { APP_ANNOTATION, OWNER, OWNER_LABEL } from './app-objects.ts';

interface VipServices {
  services: Service[];
  /** By app: labels that cannot be followed. */
  faults: Map<string, string[]>;
}

interface Vip {
  app: AppReading;
  /** Where it was said. */
  label: string;
  /** Of the Service. */
  name: string;
  /** That the app chose. */
  address?: string;
  port: number;
  protocol: ServicePort['protocol'];
  target: AppPort;
}

/** Apps of one namespace that say the same name or address are behind one Service, as in DC/OS. */
export function vipServices(apps: Iterable<AppReading>): VipServices {
  const faults = new Map<string, string[]>();
  const refuse = ({ id }: AppReading, label: string, why: string) => faults.set(id, [...(faults.get(id) ?? []), `${label}: ${why}`]);
  const byService = Map.groupBy(
    [...apps].sort((left, right) => (left.id < right.id ? -1 : 1)).flatMap((app) => vipsOf(app, (label, why) => refuse(app, label, why))),
    ({ app, name }) => `${app.namespace}/${name}`,
  );
  const services = [...byService.values()].flatMap((vips) => serviceOf(vips, refuse) ?? []);
  return { services, faults };
}

function vipsOf(app: AppReading, refuse: (label: string, why: string) => void): Vip[] {
  const said = [
    ...app.portDefinitions.flatMap((target) =>
      target.labels
        .filter(({ key }) => /^vip/i.test(key))
        .flatMap(({ key, value }) => target.protocols.map((protocol) => ({ label: key, value, protocol, target }))),
    ),
    ...app.labels.flatMap(({ key, value }) => oldForm(app, key, value, refuse)),
  ];
  if (said.length > 0 && app.networks.length === 0) {
    refuse(said[0]!.label, 'the app joins no network of containers, so a Service could not lead to it');
    return [];
  }
  return said.flatMap(({ label, value, protocol, target }): Vip[] => {
    const place = placeOf(value);
    if (typeof place === 'string') {
      refuse(label, place);
      return [];
    }
    return [{ app, label, protocol, target, ...place }];
  });
}

/** `vip_port0: tcp://web:80` among the app's labels: of its first port. */
function oldForm(app: AppReading, key: string, value: string, refuse: (label: string, why: string) => void) {
  const index = /^vip_port(\d+)$/i.exec(key)?.[1];
  if (index === undefined) return [];
  const target = app.portDefinitions[Number(index)];
  const [, protocol, place] = /^(tcp|udp):\/\/(.*)$/i.exec(value.trim()) ?? [];
  if (target === undefined) refuse(key, `the app has no port number ${index}, counted from 0`);
  else if (protocol === undefined) refuse(key, `${quoted(value)} is neither tcp://name:port nor udp://name:port`);
  else return [{ label: key, value: place!, protocol: protocol.toUpperCase() as 'TCP' | 'UDP', target }];
  return [];
}

/** @returns why not, where it is none */
function placeOf(value: string): { name: string; address?: string; port: number } | string {
  const [, host, digits] = /^(.+):(\d{1,5})$/.exec(value.trim()) ?? [];
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65535) return `${quoted(value)} is neither "/name:port" nor "address:port"`;
  const address = addressIn(host.replace(/^\[(.*)\]$/, '$1'));
  if (address !== undefined) return { name: `vip-${address.replaceAll(':', '-').replace(/^-|-$/g, '0')}`, address, port };
  // DNS takes no slash and no underscore.
  const name = host
    .replace(/^\/+|\/+$/g, '')
    .replaceAll(/[/_]+/g, '-')
    .toLowerCase();
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return { name, port };
  return `${quoted(host)} is no name: allowed are up to 63 letters, digits and "-"`;
}

function addressIn(text: string): string | undefined {
  try {
    return parseAddress(text);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return undefined;
  }
}

function serviceOf(vips: readonly Vip[], refuse: (app: AppReading, label: string, why: string) => void): Service | undefined {
  const ports = new Map<string, { vip: Vip; port: ServicePort }>();
  const behind = new Set<string>();
  for (const vip of vips) {
    const key = `${vip.protocol} ${vip.port}`;
    const known = ports.get(key);
    const targetPort = known === undefined ? ownTarget(vip.target) : commonTarget(known.port.targetPort!, known.vip.target, vip.target);
    if (targetPort === undefined) {
      const why =
        known === undefined
          ? 'the port has neither a number nor a name in the container, so nothing can lead there'
          : `${vip.port} leads to port ${known.port.targetPort} of ${known.vip.app.id}, and here to ${vip.target.port || vip.target.name}: give both ports one name or one containerPort`;
      refuse(vip.app, vip.label, why);
      continue;
    }
    ports.set(key, { vip: known?.vip ?? vip, port: { protocol: vip.protocol, port: vip.port, targetPort } });
    behind.add(vip.app.id);
  }
  const [first] = vips;
  if (first === undefined || ports.size === 0) return undefined;
  const { app, name, address, label } = first;
  const ids = [...behind].map((id) => `'${id}'`);
  try {
    return parseObject({
      apiVersion: API_VERSION,
      kind: 'Service',
      metadata: { name, namespace: app.namespace, labels: { [OWNER_LABEL]: OWNER }, annotations: { [APP_ANNOTATION]: app.id } },
      spec: {
        selector: ids.length === 1 ? `${APP_LABEL} == ${ids[0]}` : `${APP_LABEL} in { ${ids.join(', ')} }`,
        ports: [...ports.values()].map(({ port }) => port),
        ...(address !== undefined && { addresses: [address], families: [familyOf(address)] }),
      },
    }) as Service;
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    refuse(app, label, error.issues.map(({ message }) => message).join('; '));
    return undefined;
  }
}

function ownTarget({ port, name }: AppPort): number | string | undefined {
  return port !== 0 ? port : name;
}

/** Of two apps behind one port: the same number, or the name that both have for it. */
function commonTarget(known: number | string, first: AppPort, next: AppPort): number | string | undefined {
  if (next.port !== 0 && next.port === known) return known;
  return first.name !== undefined && first.name === next.name ? first.name : undefined;
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 60));
