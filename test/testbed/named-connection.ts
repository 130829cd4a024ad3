import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Asks, and connects to the first address that it was told, at once. Whether the first packet of the connection passed is what the kernel says:
 * one that is dropped it sends again, a second later, and counts that.
 */
const SCRIPT = `
const { Resolver } = require('node:dns').promises;
const { readFileSync } = require('node:fs');
const net = require('node:net');
const [server, name, ...types] = process.argv.slice(1);
const resolver = new Resolver({ timeout: 1000, tries: 2 });
resolver.setServers([server]);
const sentAgain = () => {
  const [names, values] = readFileSync('/proc/self/net/netstat', 'utf8').split('\\n').map((line) => line.split(' '));
  return Number(values[names.indexOf('TCPSynRetrans')]);
};
const connect = (address) => new Promise((resolve) => {
  const before = sentAgain();
  const socket = net.connect({ host: address, port: 80 });
  const looking = setInterval(() => sentAgain() > before && end(false), 20);
  const end = (result) => {
    clearInterval(looking);
    socket.destroy();
    resolve(result);
  };
  socket.on('connect', () => end(sentAgain() === before));
  socket.on('error', () => end(false));
});
(async () => {
  const answers = {};
  for (const type of types) {
    const addresses = await resolver.resolve(name, type).catch((error) => error.code);
    answers[type] = Array.isArray(addresses) ? await connect(addresses[0]) : addresses;
  }
  console.log(JSON.stringify(answers));
})();
`;

/**
 * Within a container: asks a DNS server for a name, and connects to port 80 of the first address of each answer.
 *
 * @param types of records: `A`, `AAAA`
 * @returns by type, whether the first packet of the connection passed, or the error's code where no address was told
 */
export async function connectByName(
  from: { container: { namespace: string } },
  server: string,
  name: string,
  ...types: string[]
): Promise<Record<string, boolean | string>> {
  const { stdout } = await run('nsenter', [`--net=${from.container.namespace}`, process.execPath, '-e', SCRIPT, server, name, ...types]);
  return JSON.parse(stdout) as Record<string, boolean | string>;
}
