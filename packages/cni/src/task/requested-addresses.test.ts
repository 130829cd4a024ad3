import test from 'ava';
import { environment, NETWORK, parseCall } from '../testing/cni-call.ts';
import { requestedAddresses } from './requested-addresses.ts';

const asked = (config: object, cniArgs?: string): string[] =>
  requestedAddresses(parseCall(environment('ADD', { CNI_ARGS: cniArgs }), { ...NETWORK, ...config }));

const mesos = (info: object): object => ({ args: { 'org.apache.mesos': { network_info: info } } });
const label = (value: string): object => mesos({ labels: { labels: [{ key: 'weir/ip', value }] } });

test('every place that a runtime, a framework or a task may ask in', (t) => {
  t.deepEqual(asked({ runtimeConfig: { ips: ['10.1.0.7/16', 'fd00::7'] } }), ['10.1.0.7', 'fd00::7']);
  t.deepEqual(asked({ args: { cni: { ips: ['10.1.0.7'] } } }), ['10.1.0.7']);
  t.deepEqual(asked({}, 'IgnoreUnknown=1;IP=10.1.0.7,FD00::0007/64;K8S_POD_NAME=web'), ['10.1.0.7', 'fd00::7']);
  t.deepEqual(
    asked(
      mesos({
        ip_addresses: [{ protocol: 'IPv4', ip_address: '10.1.0.7' }, { protocol: 'IPv6' }, { protocol: 'IPv6', ip_address: 'fd00::7' }],
      }),
    ),
    ['10.1.0.7', 'fd00::7'],
  );
  t.deepEqual(asked(label('10.1.0.7, fd00::7')), ['10.1.0.7', 'fd00::7']);
  t.deepEqual(asked({ args: { cni: { labels: [{ key: 'weir/ip', value: '10.1.0.7' }] } } }), ['10.1.0.7']);
});

test('none asked for; one asked for in several places is one', (t) => {
  for (const nothing of [{}, { runtimeConfig: {} }, { args: null }, { args: { cni: null } }, mesos({ ip_addresses: [{}] }), label('')])
    t.deepEqual(asked(nothing), []);
  t.deepEqual(asked({}, 'IP='), []);
  const both = { runtimeConfig: { ips: ['10.1.0.7'] }, args: { cni: { ips: ['10.1.0.8', '10.1.0.7'] } } };
  t.deepEqual(asked(both), ['10.1.0.7', '10.1.0.8']);
  // CONVENTIONS.md: a plugin that understands args ignores what CNI_ARGS says of the same.
  t.deepEqual(asked(both, 'IP=10.1.0.9'), ['10.1.0.7', '10.1.0.8']);
});

test('what is no address is refused with its place', (t) => {
  const refused = (config: object, message: RegExp, cniArgs?: string): void => {
    t.throws(() => asked(config, cniArgs), { code: 7, message });
  };
  refused({ runtimeConfig: { ips: '10.1.0.7' } }, /^runtimeConfig\.ips: the whole is "10\.1\.0\.7"/);
  refused({ args: { cni: { ips: [7] } } }, /^args\.cni\.ips: "0" is 7/);
  refused({}, /^IP in CNI_ARGS: "10\.1\.0\.777" is no IP address/, 'IP=10.1.0.777');
  refused({}, /^IP in CNI_ARGS: "10\.1\.0\.7\/33" is no IP address/, 'IP=10.1.0.7/33');
  refused({}, /^IP in CNI_ARGS: "\/24" is no IP address|"" is no IP address/, 'IP=/24');
  refused(label('web'), /^the network label weir\/ip: "web" is no IP address/);
  refused(
    mesos({ ip_addresses: [{ protocol: 'IPv6', ip_address: '10.1.0.7' }] }),
    /^network_info\.ip_addresses: "10\.1\.0\.7" is no IPv6 address, as its protocol says/,
  );
});
