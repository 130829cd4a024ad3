import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { appSchema } from '@weir/mesos';
import { parseDocuments } from '@weir/resources';
import test from 'ava';
import { networkInfos } from '../marathon-double/network-infos.ts';
import { REPOSITORY } from '../repository.ts';

const read = (file: string) => readFileSync(join(REPOSITORY, 'marathon', file), 'utf8');

/** As it was shown in the talk that the demo replays; no tool may lay it out anew. */
const AS_SHOWN = `kind: NetworkPolicy
apiVersion: extensions/v1beta1
metadata:
  name: access-nginx
  namespace: policy-demo
spec:
  podSelector:
    matchLabels:
      run: nginx
  ingress:
    - from:
      - podSelector:
          matchLabels:
            run: access
`;

test('the policy is the one of the talk, to the letter', (t) => {
  t.is(read('policies/access-nginx.yaml'), AS_SHOWN);
});

test('pools and policy are accepted', (t) => {
  const objects = ['pools.yaml', 'policies/access-nginx.yaml'].flatMap((file) =>
    parseDocuments(read(file), file).map(({ object }) => object.kind),
  );
  t.deepEqual(objects, ['Pool', 'Pool', 'Policy']);
});

for (const name of ['nginx', 'access', 'other'])
  test(`marathon/${name}.json hands its label and namespace to the network`, (t) => {
    const app = appSchema.parse(JSON.parse(read(`${name}.json`)));
    t.is(app.id, `/policy-demo/${name}`);
    t.is(app.instances, 2);
    const labels = [
      { key: 'run', value: name },
      { key: 'weir/namespace', value: 'policy-demo' },
    ];
    t.deepEqual(networkInfos(app.networks, []), [{ name: 'weir', ip_addresses: [{}], labels: { labels } }]);
  });
