/** A shop on two hosts, and the policy of its database. */
import { endpoint, Weir } from './weir.ts';

export const DB = `apiVersion: weir/v1
kind: Policy
metadata: {name: db, namespace: shop}
spec:
  selector: run == 'db'
  ingress:
    - {action: Allow, protocol: TCP, source: {selector: run == 'web'}, destination: {ports: [5432]}}
`;

export async function shop(t: Parameters<typeof Weir.in>[0]): Promise<Weir> {
  const weir = await Weir.in(t);
  await weir.seed(
    endpoint('web1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }),
    endpoint('web2', { run: 'web', canary: 'yes' }, { on: 'h2', address: '10.77.0.65' }),
    endpoint('db1', { run: 'db' }, { on: 'h2', address: '10.77.0.67' }),
  );
  return weir;
}
