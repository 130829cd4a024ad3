/**
 * A Mesos cluster's control plane in one process: Marathon on loopback, and the stand-ins for the hosts' Mesos agents.
 * Arguments: name of the lab, number of hosts, port of Marathon (0: any). Prints Marathon's URL and a line break when it is ready.
 * On SIGTERM it ends all tasks first.
 */
import { once } from 'node:events';
import { LabFolder } from '../lab-folder.ts';
import { LabHost } from '../lab-host.ts';
import { MarathonServer } from './marathon-server.ts';
import { MesosAgentDouble } from './mesos-agent-double.ts';
import { Scheduler } from './scheduler.ts';

const [lab = '', hosts = '', port = '0'] = process.argv.slice(2);
const folder = LabFolder.open(lab);
const log = (line: string) => process.stderr.write(`${new Date().toISOString()} ${line}\n`);
const agents = Array.from({ length: Number(hosts) }, (_, position) => new MesosAgentDouble(new LabHost(folder, position + 1), log));
const scheduler = new Scheduler(agents, log);
const server = new MarathonServer(scheduler);
for (const agent of agents) await agent.listen();
process.stdout.write(`${await server.listen(Number(port))}\n`);
process.stdout.on('error', () => {}); // nobody reads on

await once(process, 'SIGTERM');
server.close();
await scheduler.close();
for (const agent of agents) agent.close();
