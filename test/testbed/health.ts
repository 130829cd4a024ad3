import { AGENT_HTTP, type HttpReply, type LabHost } from '@weir/lab';

export interface Readiness {
  status: number | undefined;
  ready: boolean;
  reasons: string[];
}

/** What an agent says of itself: /healthz, /readyz, /metrics. */
export async function readHealth(host: LabHost, path: string): Promise<HttpReply> {
  const probe = host.startProbe();
  try {
    return await probe.http(`http://${AGENT_HTTP}${path}`);
  } finally {
    await probe.close();
  }
}

export async function readReadiness(host: LabHost): Promise<Readiness> {
  const { status, body } = await readHealth(host, '/readyz');
  return { status, ...(JSON.parse(body ?? '{"ready":false,"reasons":[]}') as { ready: boolean; reasons: string[] }) };
}

/** @returns the lines of /metrics */
export async function readMetrics(host: LabHost): Promise<string[]> {
  return ((await readHealth(host, '/metrics')).body ?? '').split('\n');
}
