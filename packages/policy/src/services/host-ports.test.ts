import test from 'ava';
import { PolicyCalculator } from '../calculator.ts';
import { statementKey } from '../statements/statement.ts';
import { elementText } from '../statements/table-text.ts';
import { endpoint } from '../test-support/objects.ts';

const tcp = { protocol: 'TCP', hostPort: 8080, containerPort: 80 };

function follow() {
  const calculator = new PolicyCalculator({ host: 'here' });
  const elements = new Map<string, string>();
  /** All elements for host ports that are wanted now. */
  const settle = () => {
    const change = calculator.flush();
    for (const key of change.delete) elements.delete(key);
    for (const statement of change.set.values()) {
      if (statement.kind !== 'element' || !/host_port|hairpin/.test(statement.set)) continue;
      elements.set(statementKey(statement), `${statement.set} ${elementText(statement)}`);
    }
    return [...elements.values()].filter((text) => /host_port|hairpin/.test(text)).sort();
  };
  return { calculator, settle };
}

test('a mapping is an element by family, protocol and port, with its address where it is bound to one', (t) => {
  const { calculator, settle } = follow();
  const hostPorts = [tcp, { ...tcp, protocol: 'UDP', hostIP: '192.168.0.1' }, { ...tcp, protocol: 'SCTP', hostIP: 'fd99::1' }];
  calculator.upsert(endpoint('web', {}, { addresses: ['10.0.0.1', 'fd00::1'], hostPorts }));
  calculator.upsert(endpoint('far', {}, { addresses: ['10.0.0.2'], hostPorts: [tcp], host: 'there' }));
  t.deepEqual(settle(), [
    'any_host_port4 6 . 8080 : 10.0.0.1 . 80',
    'any_host_port6 6 . 8080 : fd00::1 . 80',
    'hairpin4 10.0.0.1 . 10.0.0.1',
    'hairpin6 fd00::1 . fd00::1',
    'host_port4 192.168.0.1 . 17 . 8080 : 10.0.0.1 . 80',
    'host_port6 fd99::1 . 132 . 8080 : fd00::1 . 80',
  ]);
  calculator.upsert(endpoint('web', {}, { addresses: ['10.0.0.1'], hostPorts: [{ ...tcp, containerPort: 81 }] }));
  t.deepEqual(settle(), ['any_host_port4 6 . 8080 : 10.0.0.1 . 81', 'hairpin4 10.0.0.1 . 10.0.0.1']);
  calculator.remove('Endpoint', 'web', 'demo');
  t.deepEqual(settle(), []);
});

test('of two that want one port the same has it in whatever order they came, and the other one after it', (t) => {
  const [one, two] = ['one', 'two'].map((name, index) => endpoint(name, {}, { addresses: [`10.0.0.${index + 1}`], hostPorts: [tcp] }));
  for (const order of [
    [one!, two!],
    [two!, one!],
  ]) {
    const { calculator, settle } = follow();
    for (const object of order) calculator.upsert(object);
    t.true(settle().includes('any_host_port4 6 . 8080 : 10.0.0.1 . 80'));
    calculator.remove('Endpoint', 'one', 'demo');
    t.deepEqual(settle(), ['any_host_port4 6 . 8080 : 10.0.0.2 . 80', 'hairpin4 10.0.0.2 . 10.0.0.2']);
  }
});
