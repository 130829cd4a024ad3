import test from 'ava';
import type { CniError } from '../cni-error.ts';
import { environment, NETWORK, parseCall } from '../testing/cni-call.ts';
import { MESOS_CALLS, type MesosCall } from '../testing/mesos-calls.ts';
import { parseRequest } from './request.ts';

const STDIN = Buffer.from(JSON.stringify(NETWORK));

function refuse(env: Record<string, string>, stdin = STDIN): Pick<CniError, 'code' | 'message'> {
  try {
    parseRequest(env, stdin);
  } catch (error) {
    return error as CniError;
  }
  throw new Error('nothing was refused');
}

/** The table of the reference implementation's skel: which command needs which variable. */
const NEEDS: [variable: string, commands: string[]][] = [
  ['CNI_CONTAINERID', ['ADD', 'DEL', 'CHECK']],
  ['CNI_NETNS', ['ADD', 'CHECK']],
  ['CNI_IFNAME', ['ADD', 'DEL', 'CHECK']],
  ['CNI_PATH', ['ADD', 'DEL', 'CHECK']],
];

for (const [variable, commands] of NEEDS) {
  for (const command of ['ADD', 'DEL', 'CHECK', 'VERSION']) {
    for (const value of [undefined, '']) {
      const needed = commands.includes(command);
      test(`${command} ${needed ? 'needs' : 'does without'} ${variable} (${value === '' ? 'empty' : 'absent'})`, (t) => {
        const env = environment(command, { [variable]: value });
        if (!needed) return void t.notThrows(() => parseRequest(env, STDIN));
        t.like(refuse(env), { code: 4, message: `${command} needs ${variable}: missing or empty in the environment` });
      });
    }
  }
}

test('all missing variables are named at once', (t) => {
  const { message } = refuse({ CNI_COMMAND: 'ADD' });
  for (const [variable] of NEEDS) t.true(message.includes(variable));
});

test('an unknown command is refused, no command is no error', (t) => {
  t.like(refuse(environment('add')), { code: 4 });
  t.like(refuse(environment('PAUSE')), { code: 4, message: 'CNI_COMMAND is "PAUSE": not one of ADD, DEL, CHECK, STATUS, GC, VERSION' });
  t.like(refuse(environment('constructor')), { code: 4 });
  t.deepEqual(parseRequest({}, STDIN), { command: 'NONE' });
  t.deepEqual(parseRequest({ CNI_COMMAND: '' }, Buffer.alloc(0)), { command: 'NONE' });
});

test('VERSION answers in the version asked for, and never refuses', (t) => {
  const version = (stdin: string) => parseRequest({ CNI_COMMAND: 'VERSION' }, Buffer.from(stdin));
  t.deepEqual(version('{"cniVersion":"0.4.0"}'), { command: 'VERSION', cniVersion: '0.4.0' });
  for (const stdin of ['', 'x', 'null', '[]', '{"cniVersion":"7"}', '{"cniVersion":1}']) {
    t.deepEqual(version(stdin), { command: 'VERSION', cniVersion: '1.1.0' });
  }
});

test("container ids: everything that Mesos uses is taken, a path's parts are not", (t) => {
  const parse = (id: string) => parseCall(environment('ADD', { CNI_CONTAINERID: id }), NETWORK).containerId;
  for (const id of ['a', 'redis@1:2', 'parent.child.grandchild', `${'x'.repeat(255)}.${'y'.repeat(255)}`, '-dash', 'é世', 'two words'])
    t.is(parse(id), id);
  for (const id of ['a/b', '..', '.', 'a\\b', 'a\nb']) t.like(refuse(environment('ADD', { CNI_CONTAINERID: id })), { code: 4 });
});

test("interface names: the kernel's rules", (t) => {
  const parse = (name: string) => parseCall(environment('ADD', { CNI_IFNAME: name }), NETWORK).interfaceName;
  for (const name of ['eth0', 'a', 'fifteen-letters', 'eth0.100', '...']) t.is(parse(name), name);
  for (const name of ['sixteen-letters-', 'é'.repeat(8), '.', '..', 'a/b', 'eth0:1', 'a b', 'a\tb'])
    t.like(refuse(environment('ADD', { CNI_IFNAME: name })), { code: 4 }, name);
});

test('malformed JSON has code 6, a wrong configuration code 7', (t) => {
  t.like(refuse(environment('ADD'), Buffer.from('{"name"')), { code: 6 });
  t.like(refuse(environment('ADD'), Buffer.alloc(0)), {
    code: 6,
    message: 'standard input is empty; a network configuration was expected',
  });
  t.like(refuse(environment('ADD'), Buffer.from('{}')), { code: 7 });
  t.regex(refuse(environment('ADD'), Buffer.from('{"name":7}')).message, /"name" is 7/);
  t.regex(refuse(environment('ADD'), Buffer.from('[]')).message, /^network configuration: the whole is \[\]/);
});

test('cniVersion: none is 0.1.0, an unknown one is refused except by DEL', (t) => {
  for (const none of [{}, { cniVersion: '' }, { cniVersion: null }])
    t.is(parseCall(environment('ADD'), { name: 'n', ...none }).cniVersion, '0.1.0');
  t.like(refuse(environment('ADD'), Buffer.from('{"name":"n","cniVersion":"2.0.0"}')), { code: 1 });
  t.is(parseCall(environment('DEL'), { name: 'n', cniVersion: '2.0.0' }).cniVersion, '1.1.0');
});

test('GC and STATUS came with 1.1.0, and need no container', (t) => {
  const network = { name: 'n', cniVersion: '1.1.0', 'cni.dev/valid-attachments': [{ containerID: 'a@b', ifname: 'eth0', more: 1 }] };
  const read = (command: string, config: object, env = {}) =>
    parseRequest({ CNI_COMMAND: command, CNI_PATH: '/p', ...env }, Buffer.from(JSON.stringify(config)));
  const valid = [{ containerId: 'a@b', interfaceName: 'eth0' }];
  t.like(read('GC', network), { call: { command: 'GC', valid } });
  t.like(read('GC', { ...network, 'cni.dev/valid-attachments': null }), { call: { command: 'GC', valid: [] } });
  const { 'cni.dev/valid-attachments': list, ...bare } = network;
  t.like(read('GC', { ...bare, 'cni.dev/attachments': list }), { call: { command: 'GC', valid } });
  t.like(read('STATUS', bare), { call: { command: 'STATUS', pluginPath: ['/p'] } });
  t.throws(() => read('GC', bare), {
    message: /^GC without "cni\.dev\/valid-attachments": everything of the network "n" would have to go/,
  });
  t.throws(() => read('GC', { ...bare, 'cni.dev/valid-attachments': [{ containerID: 7 }] }), { message: /0\.containerID" is 7/ });
  for (const command of ['GC', 'STATUS']) {
    t.throws(() => read(command, { ...network, cniVersion: '1.0.0' }), { message: `cniVersion 1.0.0 has no ${command}` });
    t.throws(() => read(command, network, { CNI_PATH: '' }), { message: /needs CNI_PATH/ });
  }
});

test("a network's name: the specification's rule, which Mesos does not have, and DEL takes any", (t) => {
  for (const name of ['a', '0.b_c-D']) t.is(parseCall(environment('ADD'), { name }).config.name, name);
  for (const name of ['a/b', '-a', 'a b', 'é']) {
    t.like(refuse(environment('ADD'), Buffer.from(JSON.stringify({ name }))), { code: 7 }, name);
    t.is(parseCall(environment('DEL'), { name }).config.name, name);
    t.is(parseCall(environment('ADD'), { name, args: { 'org.apache.mesos': {} } }).config.name, name);
  }
});

test('CHECK came with 0.4.0', (t) => {
  t.like(refuse(environment('CHECK'), Buffer.from('{"name":"n","cniVersion":"0.3.1"}')), {
    code: 1,
    message: 'cniVersion 0.3.1 has no CHECK',
  });
  t.is(parseCall(environment('CHECK'), { name: 'n', cniVersion: '0.4.0' }).command, 'CHECK');
});

test('unknown keys are kept, 64-bit numbers to the last digit', (t) => {
  const request = parseRequest(environment('ADD'), Buffer.from('{"name":"n","big":9007199254740993,"more":{"x":[1.5]}}'));
  t.regex(JSON.stringify(request), /"big":9007199254740993,"more":\{"x":\[1\.5\]\}/);
});

test('prevResult is read in its own version; a broken one stops no DEL', (t) => {
  const prevResult = { cniVersion: '0.2.0', ip4: { ip: '10.0.0.1/24' } };
  t.deepEqual(parseCall(environment('CHECK'), { ...NETWORK, prevResult }).prevResult?.ips, [{ address: '10.0.0.1/24' }]);
  const broken = { ...NETWORK, prevResult: { ips: 'x' } };
  t.like(refuse(environment('ADD'), Buffer.from(JSON.stringify(broken))), { code: 6 });
  t.is(parseCall(environment('DEL'), broken).prevResult, undefined);
});

test('only CNI_* and PATH are handed on', (t) => {
  const { environment: own } = parseCall({ ...environment('ADD'), CNI_ARGS: 'a=b', ETCDCTL_PASSWORD: 'secret' }, NETWORK);
  t.is(own.CNI_ARGS, 'a=b');
  t.false('ETCDCTL_PASSWORD' in own);
});

test("a real Mesos agent's calls, all 166", (t) => {
  t.is(MESOS_CALLS.length, 166);
  for (const call of MESOS_CALLS) parses(t, call);
});

function parses(t: { deepEqual: (is: unknown, should: unknown) => unknown }, { env, stdin }: MesosCall): void {
  const request = parseRequest(env, Buffer.from(stdin));
  if (request.command !== 'CALL' || !('containerId' in request.call)) throw new Error(`${request.command} where a call was recorded`);
  const { call } = request;
  const { call: again } = parseRequest(env, Buffer.from(JSON.stringify(call.config))) as { call: typeof call };
  // cniVersion's default is the one key that parsing adds.
  t.deepEqual(again.config, call.config);
  t.deepEqual(JSON.parse(JSON.stringify(call.config)), { cniVersion: '0.1.0', ...JSON.parse(stdin) });
  t.deepEqual(
    [call.command, call.containerId, call.interfaceName, call.namespace],
    [env.CNI_COMMAND, env.CNI_CONTAINERID, env.CNI_IFNAME, env.CNI_NETNS],
  );
  t.deepEqual(call.environment, env);
}

test('calls with one text have one configuration, until many others came between', (t) => {
  const configOf = (name: string) => {
    const request = parseRequest(environment('ADD'), Buffer.from(JSON.stringify({ ...NETWORK, name })));
    return request.command === 'CALL' ? request.call.config : undefined;
  };
  const first = configOf('first');
  t.is(configOf('first'), first);
  for (let other = 0; other < 100; other++) t.is(configOf(`other-${other}`)?.name, `other-${other}`);
  t.not(configOf('first'), first);
  t.deepEqual(configOf('first'), first);
});
