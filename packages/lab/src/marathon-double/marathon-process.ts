/**
 * A Mesos cluster's control plane in one process: Marathon on loopback and, for Weir's agents, on port 8080 of the first host; and the
 * stand-ins for the hosts' Mesos agents.
 * Arguments: name of the lab, number of hosts, port of Marathon (0: any). Prints Marathon's URL and a line break when it is ready.
 * On SIGTERM it ends all tasks first.
 */
import { once } from 'node:events';
import { LabFolder } from '../lab-folder.ts';
import { LabHost } from '../lab-host.ts';
import { makeHealthChecks } from './health-checks.ts';
import { MARATHON_PORT, MarathonServer } from './marathon-server.ts';
import { MesosAgentDouble } from './mesos-agent-double.ts';
import { Scheduler } from './scheduler.ts';

const [lab = '', hosts = '', port = '0'] = process.argv.slice(2);
const folder = LabFolder.open(lab);
const log = (line: string) => process.stderr.write(`${new Date().toISOString()} ${line}\n`);
const labHosts = Array.from({ length: Number(hosts) }, (_, position) => new LabHost(folder, position + 1));
const agents = labHosts.map((host) => new MesosAgentDouble(host, log));
const scheduler = new Scheduler(agents, log);
const [server, forAgents] = [new MarathonServer(scheduler), new MarathonServer(scheduler)];
for (const agent of agents) await agent.listen();
await forAgents.listenIn(labHosts[0]!.namespace, MARATHON_PORT, labHosts[0]!.addresses.ipv4);
process.stdout.write(`${await server.listen(Number(port))}\n`);
process.stdout.on('error', () => {}); // nobody reads on

const [probes, ended] = [new Map(labHosts.map((host) => [host.name, host.startProbe()])), new AbortController()];
void makeHealthChecks(scheduler, probes, ended.signal);

await once(process, 'SIGTERM');
ended.abort();
for (const probe of probes.values()) await probe.close();
for (const each of [server, forAgents]) each.close();
await scheduler.close();
for (const agent of agents) agent.close();
