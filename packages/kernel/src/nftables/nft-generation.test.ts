import test from 'ava';
import { temporaryNamespace } from '../testing/temporary-namespace.ts';
import { NftGeneration } from './nft-generation.ts';
import { NftSocket } from './nft-socket.ts';
import { Nftables } from './nftables.ts';

test('the generation moves with each transaction, of any tool, in its own namespace only', (t) => {
  const [namespace, other] = [temporaryNamespace(t), temporaryNamespace(t)];
  using generation = NftGeneration.open({ namespace });
  using nftables = Nftables.open({ namespace });
  using socket = NftSocket.open({ namespace });
  using elsewhere = Nftables.open({ namespace: other });
  const seen = [generation.read()];
  const moved = (): boolean => {
    seen.push(generation.read());
    return seen.at(-1) !== seen.at(-2);
  };
  t.false(moved());
  nftables.run('add table inet weir\nadd set inet weir s { type ipv4_addr; }');
  t.true(moved());
  socket.apply({ family: 'inet', table: 'weir' }, [
    { kind: 'element', op: 'add', set: 's', key: [{ type: 'ipv4_addr', value: '10.0.0.1' }] },
  ]);
  t.true(moved());
  nftables.list('inet weir');
  elsewhere.run('add table inet weir');
  t.false(moved(), 'neither reading nor another namespace counts');
  nftables.run('flush ruleset');
  t.true(moved());
});
