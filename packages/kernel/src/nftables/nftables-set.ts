/** Sets and maps themselves, without their elements, in the kernel's bytes (linux/netfilter/nf_tables.h). Pure. */
import type { MessageWriter } from '../netlink/message.ts';
import { type FieldType, fieldLength, parseTypes, typeLength, typeNumber } from './nftables-field.ts';

export interface SetShape {
  key: readonly FieldType[];
  /** What a map gives. */
  data?: 'verdict' | readonly FieldType[];
  interval: boolean;
}

const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_DATA_LEN = 7;
const NFTA_SET_DESC = 9;
const NFTA_SET_ID = 10;
const NFTA_SET_USERDATA = 13;
const NFTA_SET_DESC_SIZE = 1;
const NFTA_SET_DESC_CONCAT = 2;
const NFTA_SET_FIELD_LEN = 1;
const NFTA_LIST_ELEM = 1;
const NFT_SET_ANONYMOUS = 0x1;
const NFT_SET_CONSTANT = 0x2;
const NFT_SET_INTERVAL = 0x4;
const NFT_SET_MAP = 0x8;
const NFT_SET_CONCAT = 0x80;
const NFT_DATA_VERDICT = 0xffffff00;

// User data is nft's own: in which byte order it reads keys of integers. Type, length, u32.
const UDATA_KEY_BYTE_ORDER = 0;
const HOST_ENDIAN = 1;
const BIG_ENDIAN = 2;

/** Reads what nft writes behind `type`: `ipv4_addr . inet_service`, `ipv4_addr : verdict`. Throws TypeError. */
export function parseSetType(text: string): Pick<SetShape, 'key' | 'data'> {
  const [key, data] = text.split(' : ');
  if (data === undefined) return { key: parseTypes(key!) };
  return { key: parseTypes(key!), data: data === 'verdict' ? data : parseTypes(data) };
}

/**
 * Writes the attributes of NFT_MSG_NEWSET.
 *
 * @param options.id unique within the batch, by which a rule finds a set that has no name yet
 * @param options.anonymous how many elements a set of one rule has
 */
export function writeSet(
  writer: MessageWriter,
  { key, data, interval }: SetShape,
  options: { table: string; name: string; id: number; anonymous?: number },
): void {
  const concatenatedIntervals = interval && key.length > 1;
  writer.string(NFTA_SET_TABLE, options.table);
  writer.string(NFTA_SET_NAME, options.name);
  writer.be32(
    NFTA_SET_FLAGS,
    (options.anonymous === undefined ? 0 : NFT_SET_ANONYMOUS | NFT_SET_CONSTANT) |
      (interval ? NFT_SET_INTERVAL : 0) |
      (data === undefined ? 0 : NFT_SET_MAP) |
      (concatenatedIntervals ? NFT_SET_CONCAT : 0),
  );
  writer.be32(NFTA_SET_KEY_TYPE, typeNumber(key));
  writer.be32(NFTA_SET_KEY_LEN, typeLength(key));
  if (data !== undefined) {
    writer.be32(NFTA_SET_DATA_TYPE, data === 'verdict' ? NFT_DATA_VERDICT : typeNumber(data));
    writer.be32(NFTA_SET_DATA_LEN, data === 'verdict' ? 0 : typeLength(data));
  }
  writer.be32(NFTA_SET_ID, options.id);
  if (options.anonymous !== undefined || concatenatedIntervals) {
    writer.nest(NFTA_SET_DESC, () => {
      if (options.anonymous !== undefined) writer.be32(NFTA_SET_DESC_SIZE, options.anonymous);
      if (concatenatedIntervals) writeFieldLengths(writer, key);
    });
  }
  const order = Buffer.from([UDATA_KEY_BYTE_ORDER, 4, 0, 0, 0, 0]);
  order.writeUInt32LE(key[0] === 'ifname' ? HOST_ENDIAN : BIG_ENDIAN, 2);
  if (key.length === 1) writer.data(NFTA_SET_USERDATA, order);
}

function writeFieldLengths(writer: MessageWriter, key: readonly FieldType[]): void {
  writer.nest(NFTA_SET_DESC_CONCAT, () => {
    for (const type of key) writer.nest(NFTA_LIST_ELEM, () => writer.be32(NFTA_SET_FIELD_LEN, fieldLength(type)));
  });
}
