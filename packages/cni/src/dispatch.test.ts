import test from 'ava';
import fc from 'fast-check';
import { dispatch } from './dispatch.ts';
import { CNI_VERSIONS } from './protocol/version.ts';
import { callTool, environment, NAMESPACE_FILE, NETWORK } from './testing/cni-call.ts';
import { codedError, ServicesDouble } from './testing/services-double.ts';
import { TOOLS } from './tool-table.ts';

const NO_SERVICES = () => Promise.reject(new Error('services were asked for'));

for (const tool of TOOLS.keys()) {
  test(`${tool}: VERSION asks nobody`, async (t) => {
    const outcome = await dispatch({
      tool,
      env: { CNI_COMMAND: 'VERSION' },
      stdin: Buffer.from('{"cniVersion":"1.0.0"}'),
      services: NO_SERVICES,
    });
    t.like(outcome, { exitCode: 0, stderr: '' });
    t.deepEqual(JSON.parse(outcome.stdout), { cniVersion: '1.0.0', supportedVersions: [...CNI_VERSIONS] });
  });

  test(`${tool}: started by hand, it says what it is`, async (t) => {
    const outcome = await dispatch({ tool, env: {}, stdin: Buffer.alloc(0), services: NO_SERVICES });
    t.like(outcome, { exitCode: 0, stdout: '' });
    t.regex(outcome.stderr, new RegExp(`^${tool}: CNI plugin of Weir, protocol versions 0\\.1\\.0, .*\\n$`));
  });
}

test('an unknown tool, malformed JSON: an answer in the form of the specification', async (t) => {
  const services = new ServicesDouble();
  t.like(await callTool('weird', environment('ADD'), NETWORK, services), { exitCode: 1, answer: { cniVersion: '1.0.0', code: 7 } });
  t.like(await callTool('weir', environment('ADD'), '{"name":', services), {
    exitCode: 1,
    stderr: '',
    answer: { cniVersion: '0.1.0', code: 6 },
  });
});

test('a DEL without namespace ends well, whatever is wrong with it: anything else would end the Mesos agent at every start', async (t) => {
  for (const stdin of ['', '{"name":', '[]', '{"name":7}']) {
    for (const changes of [{}, { CNI_CONTAINERID: 'a/b' }, { CNI_PATH: '' }]) {
      const env = environment('DEL', { CNI_NETNS: undefined, ...changes });
      const { exitCode, answer, stderr } = await callTool('weir', env, stdin, new ServicesDouble());
      t.deepEqual([exitCode, answer], [0, undefined], stdin);
      t.regex(stderr, /^weir: DEL left something to the agent: /);
    }
    t.is((await callTool('weir', environment('DEL'), stdin, new ServicesDouble())).exitCode, 1, 'with one, the runtime hears of it');
  }
});

test('what ADD refuses for a key that cannot be read, the DEL that follows takes, and removes what there is', async (t) => {
  for (const fault of [{ cniVersion: 9 }, { cniVersions: '1.0.0' }, { ipam: 'x' }, { args: 'x' }, { runtimeConfig: [] }, { type: '' }]) {
    const services = new ServicesDouble();
    await callTool('weir', environment('ADD'), NETWORK, services);
    const faulty = { ...NETWORK, ...fault };
    t.like(await callTool('weir', environment('ADD', { CNI_CONTAINERID: 'other' }), faulty, services), {
      exitCode: 1,
      answer: { code: 7 },
    });
    t.like(await callTool('weir', environment('DEL'), faulty, services), { exitCode: 0, stderr: '' }, JSON.stringify(fault));
    await services.settled();
    t.true(services.isEmpty, JSON.stringify(fault));
  }
});

test('services that cannot be had: ADD fails, DEL ends well', async (t) => {
  const services = () => Promise.reject(codedError('EUNAVAILABLE', 'etcd at 10.0.0.9:2379 does not answer'));
  const call = (command: string, more = {}) =>
    dispatch({ tool: 'weir', env: environment(command, more), stdin: Buffer.from(JSON.stringify(NETWORK)), services });
  t.like(JSON.parse((await call('ADD')).stdout), { code: 11 });
  for (const more of [{}, { CNI_NETNS: undefined }]) {
    const { exitCode, stdout, stderr } = await call('DEL', more);
    t.deepEqual([exitCode, stdout], [0, '']);
    t.regex(stderr, /^weir: DEL left something to the agent: etcd/);
  }
});

test('whatever comes in, exit code 0 or 1 and valid JSON, or nothing, comes out', async (t) => {
  const oneOf = <T>(...values: T[]) => fc.constantFrom(...values);
  const variables = fc.record(
    {
      CNI_COMMAND: fc.oneof(
        { weight: 8, arbitrary: oneOf('ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION') },
        { weight: 1, arbitrary: fc.string() },
      ),
      CNI_CONTAINERID: fc.oneof(oneOf('id', 'a.b', 'redis@1:2'), fc.string({ unit: 'binary' })),
      CNI_NETNS: fc.oneof(oneOf(NAMESPACE_FILE, '', '/proc/self/ns/net'), fc.string()),
      CNI_IFNAME: fc.oneof({ weight: 3, arbitrary: oneOf('eth0', 'eth1') }, { weight: 1, arbitrary: fc.string({ unit: 'binary' }) }),
      CNI_PATH: fc.oneof(oneOf('/nowhere'), fc.string()),
    },
    { requiredKeys: [] },
  );
  const text = fc.oneof(fc.string(), oneOf('', '0.2.0', '1.0.0', 'weir-route', 'weir-ipam', 'weir-policy', 'weir'));
  const step = fc.record(
    {
      type: fc.oneof(text, fc.jsonValue()),
      ipam: fc.oneof(fc.record({ type: text, pools: fc.jsonValue() }, { requiredKeys: [] }), fc.jsonValue()),
      mtu: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const config = fc.record(
    {
      cniVersion: fc.oneof(oneOf<string>(...CNI_VERSIONS), fc.jsonValue()),
      name: fc.oneof(text, fc.jsonValue()),
      type: fc.jsonValue(),
      ipam: fc.oneof(step, fc.jsonValue()),
      chain: fc.oneof(fc.array(step, { maxLength: 3 }), fc.jsonValue()),
      args: fc.oneof(
        fc.record({ 'org.apache.mesos': fc.oneof(fc.record({ network_info: fc.jsonValue() }), fc.jsonValue()) }),
        fc.jsonValue(),
      ),
      prevResult: fc.oneof(fc.record({ ips: fc.jsonValue(), interfaces: fc.jsonValue() }), fc.jsonValue()),
      runtimeConfig: fc.oneof(
        fc.record({ ips: fc.jsonValue(), mac: fc.jsonValue(), portMappings: fc.jsonValue() }, { requiredKeys: [] }),
        fc.jsonValue(),
      ),
      'cni.dev/valid-attachments': fc.oneof(fc.array(fc.record({ containerID: text, ifname: text }), { maxLength: 3 }), fc.jsonValue()),
      disableGC: fc.oneof(fc.boolean(), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  const stdin = fc.oneof(
    { weight: 6, arbitrary: config.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  );
  const tool = fc.oneof({ weight: 9, arbitrary: oneOf(...TOOLS.keys()) }, { weight: 1, arbitrary: fc.string() });
  const exitCodes = new Set<number>();
  await fc.assert(
    fc.asyncProperty(tool, variables, stdin, async (name, env, input) => {
      const services = new ServicesDouble();
      const outcome = await dispatch({
        tool: name,
        env: env as Record<string, string>,
        stdin: Buffer.from(input),
        services: async () => services,
      });
      await services.settled();
      exitCodes.add(outcome.exitCode);
      t.true(outcome.exitCode === 0 || outcome.exitCode === 1);
      if (outcome.stdout !== '') {
        const answer = JSON.parse(outcome.stdout);
        if (outcome.exitCode === 1)
          t.true(Number.isInteger(answer.code) && typeof answer.msg === 'string' && typeof answer.cniVersion === 'string');
        // 199 would be a fault of ours.
        t.not(answer.code, 199, outcome.stdout);
      } else t.is(outcome.exitCode, 0);
      t.true(outcome.stderr.split('\n').length <= 2);
    }),
    { numRuns: 10_000 },
  );
  t.is(exitCodes.size, 2);
});
