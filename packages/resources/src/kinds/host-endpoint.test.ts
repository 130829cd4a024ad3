import test from 'ava';
import { parseWith } from '../validation/parse-with.ts';
import { failsafePorts } from './failsafe-ports.ts';
import { globalPolicySpecSchema } from './global-policy.ts';
import { hostSpecSchema } from './host.ts';
import { hostEndpointSpecSchema } from './host-endpoint.ts';

test('HostEndpoint: closed unless it says otherwise, of one interface or all', (t) => {
  t.deepEqual(parseWith(hostEndpointSpecSchema, { host: 'h', interfaceName: '*', expectedIPs: ['FD00::1'] }), {
    host: 'h',
    interfaceName: '*',
    expectedIPs: ['fd00::1'],
    ports: [],
    defaultAction: 'Deny',
  });
  t.throws(() => parseWith(hostEndpointSpecSchema, { host: 'h' }), { message: /^interfaceName: .*or "\*" for all of the host/ });
  t.throws(() => parseWith(hostEndpointSpecSchema, { host: 'h', interfaceName: 'eth0', expectedIPs: ['10.0.0.0/8'] }), {
    message: /^expectedIPs\[0\]: /,
  });
});

test('failsafe ports: a list that is left out is the default, an empty one opens nothing', (t) => {
  const { failsafePorts: given } = parseWith(hostSpecSchema, { addresses: [], failsafePorts: { inbound: ['TCP/2222'], outbound: [] } });
  t.deepEqual(given, { inbound: ['tcp/2222'], outbound: [] });
  t.true(failsafePorts({}).inbound.includes('tcp/22'));
  t.true(failsafePorts({ failsafePorts: { outbound: [] } }).inbound.includes('tcp/22'));
  for (const port of ['22', 'tcp/ssh', 'icmp', 'sctp/22', 'tcp/0']) {
    t.throws(() => parseWith(hostSpecSchema, { addresses: [], failsafePorts: { inbound: [port] } }), {
      message: /^failsafePorts\.inbound\[0\]: /,
    });
  }
});

test('a policy of forwarded packets cannot say whom at its own end', (t) => {
  const spec = { selector: 'all()', applyOnForward: true, ingress: [{ action: 'Allow', destination: { nets: ['10.0.0.0/8'] } }] };
  t.throws(() => parseWith(globalPolicySpecSchema, spec), {
    message: /^ingress\[0\]\.destination\.nets: cannot be told with applyOnForward/,
  });
  t.notThrows(() => parseWith(globalPolicySpecSchema, { ...spec, applyOnForward: false }));
  t.like(
    parseWith(globalPolicySpecSchema, { applyOnForward: true, egress: [{ action: 'Allow', destination: { nets: ['10.0.0.0/8'] } }] }),
    {
      applyOnForward: true,
    },
  );
});
