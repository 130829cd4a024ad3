import test from 'ava';
import { parseProtocolPort, protocolPortText } from './protocol-port.ts';

test('protocol and port, as people write them', (t) => {
  t.deepEqual(parseProtocolPort('tcp/80'), { protocol: 'TCP', port: 80 });
  t.deepEqual(parseProtocolPort('UDP/dns'), { protocol: 'UDP', port: 'dns' });
  t.deepEqual(parseProtocolPort('6/80'), { protocol: 'TCP', port: 80 });
  t.deepEqual(parseProtocolPort('icmp'), { protocol: 'ICMP' });
  t.deepEqual(parseProtocolPort('icmpv6/128/0'), { protocol: 'ICMPv6', icmpType: 128, icmpCode: 0 });
  t.deepEqual(parseProtocolPort('protocol/47'), { protocol: 47 });
  t.deepEqual(
    ['tcp/80', 'icmp/8/0', 'protocol/47'].map((text) => protocolPortText(parseProtocolPort(text))),
    ['TCP 80', 'ICMP type 8 code 0', 'protocol 47'],
  );
});

test('what is no protocol and port says what would be', (t) => {
  const bad: [unknown, RegExp][] = [
    ['tcp', /^"tcp" names no port: expected tcp\/80/],
    ['tpc/80', /^"tpc\/80" names no protocol: did you mean "tcp"\?/],
    ['tcp/70000', /^"70000" is no port number: allowed are 1 to 65535$/],
    ['tcp/0', /is no port number/],
    ['tcp/', /names no port/],
    ['icmp/300', /expected numbers from 0 to 255/],
    ['47/80', /is no protocol and port/],
    ['80', /^"80" may be a port or a protocol: expected tcp\/80 or udp\/80; for IP protocol 80, protocol\/80$/],
    [9100, /^9100 may be a port or a protocol: expected tcp\/9100/],
    ['protocol/300', /is no protocol/],
    ['protocol/gre', /names no protocol/],
    [80.5, /is no protocol|names no protocol/],
    [undefined, /is missing/],
  ];
  for (const [value, message] of bad) t.throws(() => parseProtocolPort(value), { message });
});
