/** Boots a lab of one host, launches a container on it, says so, and waits to be ended. Argument: the lab's name. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from '../cluster.ts';
import { startMarathon } from '../marathon-double/start-marathon.ts';

const cluster = await Cluster.boot({ name: process.argv[2]!, hosts: 1, onInterrupt: (signal) => process.stdout.write(`${signal}\n`) });
const url = await startMarathon(cluster.folder, { hosts: 1 });
writeFileSync(join(cluster.hosts[0]!.configDir, 'fake'), JSON.stringify({ name: 'fake', type: 'fake' }));
const plugin = `#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] && echo '{"ip4": {"ip": "10.0.0.1/32"}}'\nexit 0\n`;
writeFileSync(join(cluster.hosts[0]!.pluginsDir, 'fake'), plugin, { mode: 0o755 });
process.stdout.write(`${url}\n`);
setInterval(() => {}, 1e6);
