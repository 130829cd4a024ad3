import test from 'ava';
import { parsePort, portRange } from './port.ts';

test('ports: numbers, ranges and names in one canonical form', (t) => {
  const good: [unknown, unknown][] = [
    [1, 1],
    [65535, 65535],
    ['80', 80],
    ['080', 80],
    ['1:65535', '1:65535'],
    ['80:80', 80],
    ['http', 'http'],
    ['a'.repeat(128), 'a'.repeat(128)],
    ['x_1.y-2', 'x_1.y-2'],
  ];
  for (const [value, port] of good) t.is<unknown, unknown>(parsePort(value), port);
});

test('ports: what is out of range or no port says what is allowed', (t) => {
  const bad: [unknown, RegExp][] = [
    [0, /^0 is no port number: allowed are 1 to 65535$/],
    [70000, /^70000 is no port number/],
    ['0:10', /^"0" is no port number/],
    ['10:70000', /^"70000" is no port number/],
    ['90:80', /^"90:80" is a reversed range: write "80:90"$/],
    ['80-90', /^"80-90" looks like a range: write "80:90"$/],
    [80.5, /is no port number/],
    ['a:b', /is no port: /],
    ['a'.repeat(129), /is no port: /],
    ['', /is no port: /],
    [null, /^null is no port: /],
    [undefined, /^is missing/],
  ];
  for (const [value, message] of bad) t.throws(() => parsePort(value), { message });
});

test('portRange: what a port spans', (t) => {
  t.deepEqual(portRange(80), { first: 80, last: 80 });
  t.deepEqual(portRange('80:90'), { first: 80, last: 90 });
  t.is(portRange('http'), undefined);
});
