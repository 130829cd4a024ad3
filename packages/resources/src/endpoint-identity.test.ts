import test from 'ava';
import fc from 'fast-check';
import { endpointName, hostInterfaceName } from './endpoint-identity.ts';

test('readable where it can be', (t) => {
  t.is(endpointName('5f3c9e0a-41d2', 'eth0'), '5f3c9e0a-41d2-eth0');
  t.is(endpointName('parent.child', 'eth1'), 'parent.child-eth1');
});

test('sanitized and told apart by a digest where not', (t) => {
  t.regex(endpointName('a@b:c', 'eth0'), /^a_b_c-eth0--[a-z2-7]{11}$/);
  t.not(endpointName('a@b', 'eth0'), endpointName('a:b', 'eth0'));
  t.regex(endpointName('x'.repeat(300), 'eth0'), /^x{240}--[a-z2-7]{11}$/);
  t.not(endpointName(`${'x'.repeat(300)}1`, 'eth0'), endpointName(`${'x'.repeat(300)}2`, 'eth0'));
});

test('where id ends and interface begins makes a difference', (t) => {
  t.not(endpointName('a-b', 'eth0'), endpointName('a', 'b-eth0'));
  t.not(endpointName('a-', 'b'), endpointName('a', '-b'));
  t.not(hostInterfaceName('ab', 'c'), hostInterfaceName('a', 'bc'));
});

const id = fc.string({ minLength: 1, maxLength: 260, unit: fc.constantFrom('a', 'b', '-', '.', '_', '@', ':', '/') });
const interfaceName = fc.string({ minLength: 1, maxLength: 15, unit: fc.constantFrom('e', '0', '-', '.', '@') });

test('always valid, always the same, never shared', (t) => {
  const owners = new Map<string, string>();
  fc.assert(
    fc.property(id, interfaceName, (containerId, name) => {
      for (const [made, pattern] of [
        [endpointName(containerId, name), /^[A-Za-z0-9._-]{1,253}$/],
        [hostInterfaceName(containerId, name), /^weir[a-z2-7]{11}$/],
      ] as const) {
        const owner = JSON.stringify([containerId, name]);
        if (!pattern.test(made)) return false;
        if ((owners.get(made) ?? owner) !== owner) return false;
        owners.set(made, owner);
      }
      return true;
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('siblings of a nested container, and two networks of one container, have links of their own', (t) => {
  const names = ['parent.a', 'parent.b'].flatMap((container) => ['eth0', 'eth1'].map((name) => hostInterfaceName(container, name)));
  t.is(new Set(names).size, 4);
  t.is(hostInterfaceName('parent.a', 'eth0', 'wlnk').slice(0, 4), 'wlnk');
  t.throws(() => hostInterfaceName('a', 'eth0', 'toolong'), { instanceOf: RangeError });
});

test('the digest is fixed: a new version must find the links of the old one', (t) => {
  t.is(hostInterfaceName('a', 'eth0'), 'weirey5jufd34a2');
});
