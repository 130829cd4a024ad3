import { keyOf, parseObject } from '@weir/resources';
import test from 'ava';
import { type DecodedPacket, decode, encode, type OptAnswer, type Packet, RECURSION_DESIRED } from 'dns-packet';
import fc from 'fast-check';
import { failure, type Response, respond, type Transport } from './dns-response.ts';
import { Zone } from './zone.ts';

function zoneOf(
  count: number,
  { addresses = (index: number) => [`10.0.${index >> 8}.${index & 255}`, `fd00::${index.toString(16)}`] } = {},
): Zone {
  const zone = new Zone();
  for (let index = 1; index <= count; index++) {
    const object = parseObject({
      apiVersion: 'weir/v1',
      kind: 'Endpoint',
      metadata: { name: `c${index}-eth0`, namespace: 'shop' },
      spec: {
        ...{ host: 'h1', containerId: `c${index}`, network: 'weir', interfaceName: 'eth0', hostInterface: `weir${index}` },
        addresses: addresses(index),
        ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
        mesos: { app: '/shop/web' },
      },
    });
    zone.learn({ key: keyOf(object), after: object });
  }
  return zone;
}

const edns = (udpPayloadSize: number, ednsVersion = 0) => ({ type: 'OPT', name: '.', udpPayloadSize, ednsVersion }) as unknown as OptAnswer;

function query(name: string, type: string, more: Packet = {}): Buffer {
  return encode({ type: 'query', id: 77, flags: RECURSION_DESIRED, questions: [{ name, type: type as 'A' }], ...more });
}

function ask(zone: Zone, message: Buffer, transport: Transport = 'UDP', turn = 0): Response {
  return respond(message, zone, { transport, ttl: 5, turn });
}

function answered(zone: Zone, message: Buffer, transport?: Transport, turn?: number): DecodedPacket & { bytes: number; rcode: string } {
  const response = ask(zone, message, transport, turn);
  if (response.kind !== 'reply') throw new Error(`no reply: ${response.kind}`);
  // The type of the library has no rcode, what it gives has.
  return { ...(decode(response.message) as DecodedPacket & { rcode: string }), bytes: response.message.length };
}

test('addresses of either family, with the TTL, and the name as it was asked for', (t) => {
  const zone = zoneOf(2);
  const answer = answered(zone, query('Web.Shop.WEIR', 'A'));
  t.like(answer, { id: 77, type: 'response', rcode: 'NOERROR', flag_aa: true, flag_rd: true, flag_ra: true, flag_tc: false });
  t.like(answer.questions, [{ name: 'Web.Shop.WEIR', type: 'A' }]);
  t.like(answer.answers, [
    { name: 'Web.Shop.WEIR', type: 'A', ttl: 5, data: '10.0.0.1' },
    { name: 'Web.Shop.WEIR', type: 'A', ttl: 5, data: '10.0.0.2' },
  ]);
  t.like(answered(zone, query('web.shop.weir', 'AAAA')).answers, [{ data: 'fd00::1' }, { data: 'fd00::2' }]);
  t.like(
    answered(zone, query('web.shop.weir', 'A'), 'UDP', 0.5).answers,
    [{ data: '10.0.0.2' }, { data: '10.0.0.1' }],
    'each is the first in its turn',
  );
  t.is(answered(zone, query('web.shop.weir', 'ANY')).answers?.length, 4);
});

test('SRV names the instances, and has their addresses beside it', (t) => {
  const answer = answered(zoneOf(1), query('_http._tcp.web.shop.weir', 'SRV'));
  t.like(answer.answers, [{ type: 'SRV', data: { port: 80, target: '10-0-0-1.shop.weir' } }]);
  t.like(answer.additionals, [
    { name: '10-0-0-1.shop.weir', type: 'A', data: '10.0.0.1' },
    { name: '10-0-0-1.shop.weir', type: 'AAAA', data: 'fd00::1' },
  ]);
});

test('PTR of a container; addresses of others are for others to tell of', (t) => {
  const zone = zoneOf(1);
  t.like(answered(zone, query('1.0.0.10.in-addr.arpa', 'PTR')).answers, [{ data: '10-0-0-1.shop.weir' }]);
  const six = `${'1'.padEnd(28, '0')}00df`.split('').join('.');
  t.like(answered(zone, query(`${six}.ip6.arpa`, 'PTR')).answers, [{ data: '10-0-0-1.shop.weir' }]);
  t.like(answered(zone, query('1.0.0.10.in-addr.arpa', 'TXT')), {
    rcode: 'NOERROR',
    answers: [],
    authorities: [{ type: 'SOA', name: '1.0.0.10.in-addr.arpa' }],
  });
  for (const other of [
    '2.0.0.10.in-addr.arpa',
    '0.0.10.in-addr.arpa',
    '256.0.0.10.in-addr.arpa',
    'example.com',
    'weir.example.com',
    'eweir',
    '.',
  ]) {
    t.deepEqual(ask(zone, query(other, 'PTR')), { kind: 'forward' }, other);
  }
});

test('no such name and no such record are two things, and the SOA says how long that may be kept', (t) => {
  const zone = zoneOf(1);
  const soa = [{ name: 'weir', type: 'SOA', ttl: 5, data: { minimum: 5 } }];
  t.like(answered(zone, query('nope.shop.weir', 'A')), { rcode: 'NXDOMAIN', answers: [], authorities: soa, flag_aa: true });
  for (const [name, type] of [
    ['web.shop.weir', 'TXT'],
    ['web.shop.weir', 'UNKNOWN_65'],
    ['shop.weir', 'A'],
    ['_tcp.web.shop.weir', 'SRV'],
    ['weir', 'A'],
    ['ns.weir', 'MX'],
  ] as const) {
    t.like(answered(zone, query(name, type)), { rcode: 'NOERROR', answers: [], authorities: soa }, `${name} ${type}`);
  }
  t.like(answered(zone, query('weir', 'SOA')).answers, [{ type: 'SOA', data: { mname: 'ns.weir', serial: zone.serial } }]);
  t.like(answered(zone, query('weir', 'NS')).answers, [{ type: 'NS', data: 'ns.weir' }]);
  t.like(answered(zone, query('ns.weir', 'A')).answers, [{ data: '169.254.1.53' }]);
});

test('what does not fit into a datagram is asked for over TCP; how much fits, the client says', (t) => {
  const zone = zoneOf(34);
  t.like(answered(zone, query('web.shop.weir', 'A')), { flag_tc: true, answers: [] });
  const large = answered(zone, query('web.shop.weir', 'A', { additionals: [edns(4096)] }));
  t.false(large.flag_tc);
  t.is(large.answers?.length, 34);
  t.like(large.additionals, [{ type: 'OPT', udpPayloadSize: 1232 }]);
  t.is(answered(zone, query('web.shop.weir', 'A'), 'TCP').answers?.length, 34);
  const services = answered(zoneOf(12), query('_http._tcp.web.shop.weir', 'SRV', { additionals: [edns(1232)] }));
  t.false(services.flag_tc, 'addresses beside the answer are left out first');
  t.is(services.additionals?.length, 1);
});

test('of an app that no message can hold a part is told, each in its turn', (t) => {
  const zone = zoneOf(3000, { addresses: (index) => [`10.0.${index >> 8}.${index & 255}`] });
  const first = answered(zone, query('web.shop.weir', 'A'), 'TCP');
  t.true(first.bytes <= 65_535 && first.bytes > 65_000);
  const later = answered(zone, query('web.shop.weir', 'A'), 'TCP', 0.9);
  t.notDeepEqual(first.answers![0], later.answers![0]);
});

test('what is not for us to answer is refused, each in the way that the protocol has for it', (t) => {
  const zone = zoneOf(1);
  t.is(answered(zone, query('weir', 'AXFR'), 'TCP').rcode, 'REFUSED');
  t.is(answered(zone, query('version.bind', 'TXT', { questions: [{ name: 'version.bind', type: 'TXT', class: 'CH' }] })).rcode, 'REFUSED');
  const badVersion = answered(zone, query('web.shop.weir', 'A', { additionals: [edns(1232, 1)] }));
  t.like(badVersion.additionals, [{ type: 'OPT', extendedRcode: 1, ednsVersion: 0 }]);
  const update = query('weir', 'SOA');
  update.writeUInt16BE(5 << 11, 2);
  t.like(answered(zone, update), { rcode: 'NOTIMP', opcode: 'UPDATE', id: 77 });
  t.is(answered(zone, query('weir', 'A', { questions: [] })).rcode, 'FORMERR');
  t.is(answered(zone, query('weir', 'A').subarray(0, 20)).rcode, 'FORMERR');
  t.deepEqual(ask(zone, Buffer.alloc(11)), { kind: 'none' });
  t.deepEqual(ask(zone, encode({ type: 'response', id: 1, questions: [{ name: 'web.shop.weir', type: 'A' }] })), { kind: 'none' });
  t.like(decode(failure(query('example.com', 'A', { additionals: [edns(1232)] }), 'SERVFAIL')), {
    id: 77,
    rcode: 'SERVFAIL',
    questions: [{ name: 'example.com' }],
  });
});

test('a name that cannot be said again, as its bytes are no text or leave an empty label, is told to be malformed', (t) => {
  for (const label of [Buffer.alloc(40, 0xff), Buffer.from('.'), Buffer.from('a\n.b')]) {
    const message = Buffer.concat([
      query('x', 'A').subarray(0, 12),
      Buffer.from([label.length]),
      label,
      Buffer.from([4, ...Buffer.from('weir'), 0, 0, 1, 0, 1]),
    ]);
    const response = ask(zoneOf(1), message);
    t.is(response.kind === 'reply' && response.rcode, 'FORMERR', JSON.stringify(label.toString()));
  }
});

test('whatever bytes come, nothing is thrown, and a reply is one that can be read and fits', (t) => {
  const zone = zoneOf(40);
  const good = fc.constantFrom(
    query('web.shop.weir', 'A', { additionals: [edns(1232)] }),
    query('_http._tcp.web.shop.weir', 'SRV'),
    query('nope.weir', 'ANY'),
  );
  const mangled = fc
    .tuple(good, fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 6 }), fc.nat(80))
    .map(([message, changes, end]) => {
      const copy = Buffer.from(message.subarray(0, Math.max(end, 20)));
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      return copy;
    });
  const bytes = fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(
      fc.oneof(mangled, bytes),
      fc.constantFrom<Transport>('UDP', 'TCP'),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (message, transport, turn) => {
        const response = ask(zone, message, transport, turn);
        if (response.kind === 'forward') {
          t.notThrows(() => failure(message, 'SERVFAIL'));
          return;
        }
        if (response.kind === 'none') return;
        t.is(response.message.readUInt16BE(0), message.readUInt16BE(0));
        t.true(response.message.length <= (transport === 'UDP' ? 1232 : 65_535));
        t.notThrows(() => decode(response.message));
      },
    ),
    { numRuns: 3000 },
  );
});
