/**
 * A host of a flannel network that has nothing of Weir's: its lease is written by plain calls to etcd, its interfaces, entries and routes are made
 * with `ip` and `bridge`, after what flanneld's sources do (`pkg/backend/vxlan`, `pkg/subnet/etcd`). One container is on its bridge.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createNamespace } from '@weir/kernel';
import type { Place } from './flows.ts';
import { Traffic } from './traffic.ts';

export const FLANNEL_PREFIX = '/coreos.com/network';

/** A network as flannel's `config` has it, all but its backend, … */
export const FLANNEL_NETWORK = { Network: '10.5.0.0/16', EnableIPv6: true, IPv6Network: 'fc00::/48' };

/** … and as Weir's pools. */
export const FLANNEL_POOLS = `
apiVersion: weir/v1
kind: Pool
metadata: { name: flannel }
spec: { cidr: 10.5.0.0/16, routes: Flannel }
---
apiVersion: weir/v1
kind: Pool
metadata: { name: flannel6 }
spec: { cidr: "fc00::/48", routes: Flannel }
`;

/** A key as etcd's gateway gives it. */
export interface Record {
  key: string;
  value: string;
  /** 0: it has none. */
  lease: string;
}

/** etcd's HTTP gateway: https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/ */
export class Etcd {
  readonly #namespace: string;
  readonly #endpoint: string;
  /** As `https.request` takes them. */
  readonly #tls: { ca?: string; cert?: string; key?: string };

  /**
   * @param namespace from which the endpoint is reached
   * @param files for an endpoint of https: PEM
   */
  constructor(namespace: string, endpoint: string, files?: { caFile: string; certFile: string; keyFile: string }) {
    this.#namespace = namespace;
    this.#endpoint = endpoint;
    const read = (path: string) => readFileSync(path, 'utf8');
    this.#tls = files === undefined ? {} : { ca: read(files.caFile), cert: read(files.certFile), key: read(files.keyFile) };
  }

  put(key: string, value: string, lease = '0'): void {
    this.#call('kv/put', { key: encode(key), value: encode(value), lease });
  }

  delete(key: string): void {
    this.#call('kv/deleterange', { key: encode(key) });
  }

  list(prefix: string): Record[] {
    const end = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`;
    const { kvs = [] } = this.#call<{ kvs?: { key: string; value: string; lease?: string }[] }>('kv/range', {
      key: encode(prefix),
      range_end: encode(end),
    });
    return kvs.map(({ key, value, lease = '0' }) => ({ key: decode(key), value: decode(value), lease }));
  }

  grant(ttlSeconds: number): string {
    return this.#call<{ ID: string }>('lease/grant', { TTL: ttlSeconds }).ID;
  }

  revoke(lease: string): void {
    this.#call('lease/revoke', { ID: lease });
  }

  /** Seconds that the lease was granted for. */
  grantedTtl(lease: string): number {
    return Number(this.#call<{ grantedTTL: string }>('lease/timetolive', { ID: lease }).grantedTTL);
  }

  /** Forgets all history up to now. */
  compact(): void {
    const { header } = this.#call<{ header: { revision: string } }>('kv/range', { key: encode('a') });
    this.#call('kv/compaction', { revision: header.revision, physical: true });
  }

  #call<Answer>(path: string, body: object): Answer {
    const { protocol } = new URL(this.#endpoint);
    const program = `require('node:${protocol.slice(0, -1)}')
      .request(process.argv[1], { method: 'POST', ...JSON.parse(process.argv[2]) }, (answer) => answer.pipe(process.stdout))
      .end(process.argv[3])`;
    const [url, options] = [`${this.#endpoint}/v3/${path}`, JSON.stringify(this.#tls)];
    const text = execFileSync(
      'nsenter',
      [`--net=${this.#namespace}`, process.execPath, '-e', program, url, options, JSON.stringify(body)],
      { encoding: 'utf8' },
    );
    const answer = JSON.parse(text) as Answer & { error?: string };
    if (answer.error !== undefined) throw new Error(`etcd ${path}: ${answer.error}`);
    return answer;
  }
}

const encode = (text: string): string => Buffer.from(text).toString('base64');
const decode = (text: string): string => Buffer.from(text, 'base64').toString();

export interface FlannelHostOptions {
  namespace: string;
  /** For the container's. */
  containerNamespace: string;
  address: { ipv4: string; ipv6: string };
  /** Third part of its IPv4 subnet and last group of its IPv6 one: 10.5.N.0/24 and fc00:0:0:N::/64. */
  number: number;
  etcd: Etcd;
}

export class FlannelHost {
  readonly name: string;
  readonly #of: FlannelHostOptions;
  readonly #lease: string;
  #traffic: Traffic | undefined;

  constructor(options: FlannelHostOptions) {
    this.#of = options;
    const { number, etcd } = options;
    this.name = `10.5.${number}.0-24&fc00:0:0:${number}::-64`;
    this.#lease = etcd.grant(24 * 3600);
  }

  /** Its VXLAN interfaces, forwarding, a bridge with a container; and its lease. */
  async start(): Promise<void> {
    const { namespace, containerNamespace, address, number, etcd } = this.#of;
    for (const setting of ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']) this.#run('sysctl', '-qw', setting);
    this.#ip(`link add flannel.1 type vxlan id 1 dev eth0 local ${address.ipv4} dstport 8472 nolearning`);
    this.#ip(`link add flannel-v6.1 type vxlan id 1 dev eth0 local ${address.ipv6} dstport 8472 nolearning`);
    this.#ip(`address add 10.5.${number}.0/32 dev flannel.1`);
    this.#ip(`-6 address add fc00:0:0:${number}::/128 dev flannel-v6.1 nodad`);
    for (const link of ['flannel.1', 'flannel-v6.1']) this.#ip(`link set ${link} mtu 1430 up`);
    this.#ip('link add cni0 type bridge');
    this.#ip(`address add 10.5.${number}.1/24 dev cni0`);
    this.#ip(`-6 address add fc00:0:0:${number}::1/64 dev cni0 nodad`);
    this.#ip('link set cni0 up');
    createNamespace(containerNamespace);
    this.#ip(`link add veth0 type veth peer name eth0 netns ${containerNamespace}`);
    this.#ip('link set veth0 master cni0 up');
    const inside = (command: string) => execFileSync('nsenter', [`--net=${containerNamespace}`, 'ip', ...command.split(' ')]);
    for (const command of [
      'link set lo up',
      'link set eth0 mtu 1430 up',
      `address add 10.5.${number}.2/24 dev eth0`,
      `-6 address add fc00:0:0:${number}::2/64 dev eth0 nodad`,
      `route add default via 10.5.${number}.1`,
      `-6 route add default via fc00:0:0:${number}::1`,
    ])
      inside(command);
    this.#traffic = new Traffic(`container of ${namespace}`, containerNamespace);
    await this.#traffic.listen({ tcp: [80, 81], udp: [80] });
    etcd.put(`${FLANNEL_PREFIX}/subnets/${this.name}`, this.#value(), this.#lease);
    this.sync();
  }

  /** What flanneld does at each event of the leases. */
  sync(): void {
    for (const { key, value } of this.#of.etcd.list(`${FLANNEL_PREFIX}/subnets/`)) {
      const name = key.slice(`${FLANNEL_PREFIX}/subnets/`.length);
      if (name === this.name) continue;
      const [ipv4, ipv6] = name.split('&').map((part) => part.replace('-', '/'));
      const { PublicIP, PublicIPv6, BackendType, BackendData, BackendV6Data } = JSON.parse(value);
      if (BackendType !== 'vxlan') {
        this.#ip(`route replace ${ipv4} via ${PublicIP}`);
        this.#ip(`-6 route replace ${ipv6} via ${PublicIPv6}`);
        continue;
      }
      this.#tell('', 'flannel.1', ipv4!, PublicIP, BackendData.VtepMAC);
      this.#tell('-6 ', 'flannel-v6.1', ipv6!, PublicIPv6, BackendV6Data.VtepMAC);
    }
  }

  #tell(family: string, link: string, subnet: string, publicAddress: string, mac: string): void {
    const [first] = subnet.split('/');
    this.#ip(`${family}neighbour replace ${first} lladdr ${mac} dev ${link} nud permanent`);
    this.#run('bridge', 'fdb', 'replace', mac, 'dst', publicAddress, 'dev', link, 'self', 'permanent');
    this.#ip(`${family}route replace ${subnet} via ${first} dev ${link} onlink`);
  }

  /** Its container. */
  get place(): Place {
    const { number } = this.#of;
    return { ipv4: `10.5.${number}.2`, ipv6: `fc00:0:0:${number}::2`, traffic: this.#traffic! };
  }

  /** Its lease ends, as that of a host that is gone. */
  leave(): void {
    this.#of.etcd.revoke(this.#lease);
  }

  async close(): Promise<void> {
    await this.#traffic?.close();
  }

  #value(): string {
    const mac = (link: string) => JSON.parse(this.#ip(`-j link show ${link}`))[0].address as string;
    const { address } = this.#of;
    return JSON.stringify({
      PublicIP: address.ipv4,
      PublicIPv6: address.ipv6,
      BackendType: 'vxlan',
      BackendData: { VNI: 1, VtepMAC: mac('flannel.1') },
      BackendV6Data: { VNI: 1, VtepMAC: mac('flannel-v6.1') },
    });
  }

  #ip(command: string): string {
    return this.#run('ip', ...command.split(' '));
  }

  #run(...command: string[]): string {
    return execFileSync('nsenter', [`--net=${this.#of.namespace}`, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }
}
