import { DNS_PACE } from '../endpoint/dns-clients.ts';
import type { FixedChain } from '../statements/fixed-table.ts';
import { FAMILIES } from './address-families.ts';

/** The agent looks at the messages of all containers in one queue: less of one at a time than there is room for. */
const RATE = 'limit rate over 1000/second burst 500 packets';

/** What DNS messages pass, on their way to the agent, that it learns names from. */
export const LEARNING: Record<string, FixedChain> = {
  [DNS_PACE]: {
    rules: [
      { message: 'udp dport 53', client: 'saddr' },
      { message: 'udp sport 53', client: 'daddr' },
    ].flatMap(({ message, client }) =>
      FAMILIES.map(
        ({ ip, version }) =>
          `${message} add @dns_message_rate${version} { ${ip} ${client} ${RATE} } counter drop comment "one container does not keep the agent from what others are told"`,
      ),
    ),
  },
};
